// How an invocation is stored; for model/invocation*.c only.
#ifndef CLOCHE_MODEL_INVOCATION_ROW_H
#define CLOCHE_MODEL_INVOCATION_ROW_H

#include "model/invocation.h"
#include "model/row.h"

// Each ends in NULL.
extern const char *const SOURCE_WORDS[], *const INPUT_WORDS[];

// The columns of a list, of the table `i`, and how they are taken from a row.
#define INVOCATION_BRIEF                                                                         \
    "i.id, i.function_id, i.function_name, i.owner_id, i.version, i.runtime, i.start, i.source," \
    " i.status, i.http_status, i.method, i.path, i.error_type, i.error_message, i.queue_us,"     \
    " i.init_us, i.run_us, i.total_us, i.cpu_us, i.memory_peak_bytes, i.memory_mb,"              \
    " i.request_bytes, i.response_bytes, i.input_kind, i.logs_truncated, i.replay_of"
void invocation_take_brief(row_t *row, invocation_t *inv);
// Ends the reading of a row: what could not be read leaves *inv empty.
int invocation_taken(const row_t *row, invocation_t *inv, err_t *err) MUSTCHECK;

#endif
