// Segments: the journal's files, as bytes. A head, then records one after the other; each says how long
// it is and carries checks, so that what is whole can be told from what is torn or damaged.
//
//     0   "CLOCHEJ1"          64  first record
//     8   key, 16 bytes            u32 length of the body
//    24   check of the two         u32 check of length, body's check and place in the file
//    32   note (see below)         u64 check of the body
//                                  body
//
// Numbers are big-endian. Checks are SipHash-2-4 (libsodium's crypto_shorthash) under the segment's own
// random key: what a function prints ends up in bodies, and without the key it cannot print a record that
// would be taken for one while a damaged segment is searched. Pure: no files, no locks.
#ifndef CLOCHE_CORE_SEGMENT_H
#define CLOCHE_CORE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    SEGMENT_START = 64, // where records begin
    SEGMENT_KEY = 16,
    SEGMENT_NOTE_AT = 32,
    SEGMENT_NOTE = 32,
    SEGMENT_HEAD = 16, // of a record
    SEGMENT_BODY_MAX = 8 * 1024 * 1024,
};

typedef struct {
    uint8_t bytes[SEGMENT_KEY];
} segment_key_t;

// Makes the head of a new segment, with a new key and an empty note.
void segment_begin(uint8_t out[SEGMENT_START], segment_key_t *key);
// Reads a head. ERR_INVALID when it is not one.
int segment_open(const uint8_t *data, size_t len, segment_key_t *key, err_t *err) MUSTCHECK;

// ---- records

// Fills in the head of a record that is to be written at `offset`: `record` is SEGMENT_HEAD bytes of
// room and then the body. A body has 1 to SEGMENT_BODY_MAX bytes.
void segment_frame(const segment_key_t *key, uint64_t offset, char *record, size_t body_len);

typedef enum {
    SEGMENT_WHOLE,
    SEGMENT_SHORT,  // may be one, but ends behind `len`
    SEGMENT_BROKEN, // no record begins here; it may still begin at any later byte
} segment_result_t;

// Looks for a record at the start of data, which is what stands at `offset` of the segment. Whole: *body
// and *body_len tell its content. Short: *body_len bytes of body are needed; 0 while the head itself is cut.
segment_result_t segment_read(const segment_key_t *key, uint64_t offset, const char *data,
                              size_t len, const char **body, size_t *body_len);

// ---- the note: how far its owner has got

// For onlookers only. What is replayed never depends on it: after a power cut it may be newer or older
// than the records.
typedef struct {
    uint64_t done;     // up to here everything is in the database
    uint64_t records;  // that are not
    int64_t oldest_us; // when the oldest of those was appended, wall clock; 0: none
} segment_note_t;

void segment_note_write(const segment_key_t *key, const segment_note_t *note,
                        uint8_t out[SEGMENT_NOTE]);
bool segment_note_read(const segment_key_t *key, const uint8_t data[SEGMENT_NOTE],
                       segment_note_t *note);

#endif
