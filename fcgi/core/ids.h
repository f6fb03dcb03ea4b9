// Ids: UUID version 7 (RFC 9562, section 5.7), so that the order of ids is the order of time.
#ifndef CLOCHE_CORE_IDS_H
#define CLOCHE_CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>

// Text form with hyphens and the NUL: "01926f5c-7d3e-7a10-8000-0123456789ab".
enum { ID_TEXT = 37, ID_BYTES = 16 };

// A new id. Later calls in one process give greater ids, also within a millisecond. Thread-safe.
void id_new(char out[ID_TEXT]);

// Whether text is a UUID in lower-case canonical form (any version).
bool id_valid(const char *text);

// Canonical text to 16 bytes (network order) and back. id_to_bytes returns false on malformed text.
bool id_to_bytes(const char *text, uint8_t out[ID_BYTES]);
void id_from_bytes(const uint8_t bytes[ID_BYTES], char out[ID_TEXT]);

// Not above any id of this millisecond since 1970, and above all earlier ones: a bound for ranges.
void id_bound(int64_t ms, char out[ID_TEXT]);

// Milliseconds since 1970 in a version 7 id.
int64_t id_time_ms(const uint8_t bytes[ID_BYTES]);

#endif
