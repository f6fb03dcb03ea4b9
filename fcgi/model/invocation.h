// Invocations: one record per call, and its log.
//
// The id is the request's id, a UUIDv7, so that ids sort by time and the record's time is in it; the
// table is partitioned by it. A record outlives its function: it names it and its owner itself.
#ifndef CLOCHE_MODEL_INVOCATION_H
#define CLOCHE_MODEL_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/lease.h"
#include "db/db.h"
#include "model/access.h"
#include "model/function.h"

enum {
    INVOCATION_INPUT_MAX = 64 * 1024,
    INVOCATION_LIST_MAX = 100,
    INVOCATION_SEARCH_MAX = 200, // bytes of `q`
    INVOCATION_HASH = 32,        // SHA-256
};

#define INVOCATION_STATUSES(X)         \
    X(INVOCATION_OK, "ok")             \
    X(INVOCATION_ERROR, "error")       \
    X(INVOCATION_TIMEOUT, "timeout")   \
    X(INVOCATION_OOM, "oom")           \
    X(INVOCATION_CRASH, "crash")       \
    X(INVOCATION_REJECTED, "rejected") \
    X(INVOCATION_CANCELLED, "cancelled")

typedef enum {
#define X(name, text) name,
    INVOCATION_STATUSES(X)
#undef X
} invocation_status_t;

typedef enum { SOURCE_EXECUTE, SOURCE_HTTP, SOURCE_REPLAY } invocation_source_t;

// What the recorded input is: none, a body (JSON, text, bytes), or a JSON value that was no body.
typedef enum { INPUT_NONE, INPUT_JSON, INPUT_TEXT, INPUT_BYTES, INPUT_VALUE } input_kind_t;

const char *invocation_status_name(invocation_status_t status);
int invocation_status_parse(const char *text); // -1: unknown
// Words as in the API, ended by NULL, in the order of the enums.
extern const char *const INVOCATION_STATUS_WORDS[], *const START_WORDS[];
const char *invocation_source_name(invocation_source_t source);

// Strings are the struct's own, free with invocation_free. Times in microseconds; -1 is "not known" or
// "did not come to that".
typedef struct {
    char id[ID_TEXT];
    char function_id[ID_TEXT];
    char function_name[FUNCTION_NAME_TEXT];
    char owner_id[ID_TEXT];
    int64_t version;
    runtime_t runtime;
    int start; // start_t, -1: never had a cell
    invocation_source_t source;
    invocation_status_t status;
    int http_status;
    char method[16];                                // "" but for SOURCE_HTTP
    char *path;                                     // NULL but for SOURCE_HTTP
    char *error_type, *error_message, *error_stack; // NULL: none
    int64_t queue_us, init_us, run_us, total_us;
    int64_t cpu_us;
    int64_t memory_peak_bytes;
    int64_t memory_mb; // the limit
    int64_t request_bytes, response_bytes;
    input_kind_t input_kind;
    char *input; // as sent, empty with INPUT_NONE; NULL: not recorded
    size_t input_len;
    char *args;              // JSON list of strings, NULL: none
    char *request;           // JSON of context.request, recorded with the input; NULL: none
    char replay_of[ID_TEXT]; // the call whose input this one had, "": its own
    bool has_output_hash;
    uint8_t output_hash[INVOCATION_HASH]; // SHA-256 of content type, NUL, body: tells equal answers
    char *logs;                           // JSON list, see service/call_log; NULL: no log
    size_t logs_len;
    bool logs_truncated;
} invocation_t;

void invocation_free(invocation_t *inv);
#define cleanup_invocation __attribute__((cleanup(invocation_free)))

// Inserts records and their logs, in the caller's transaction. Idempotent: what the table has already is
// left alone, and inserted[i] tells the ones that are new. ERR_UNAVAILABLE is worth a repetition of the
// whole transaction; after another error db_value_refused says whether a record is to blame.
int invocation_insert(db_t *db, const invocation_t *items, size_t count, bool *inserted,
                      err_t *err) MUSTCHECK;

typedef struct {
    invocation_t *items; // without input, args, stack and logs
    size_t count;
    char next[CURSOR_TEXT]; // "" on the last page
} invocation_page_t;

void invocation_page_free(invocation_page_t *page);
#define cleanup_invocation_page __attribute__((cleanup(invocation_page_free)))

typedef struct {
    const char *function_id; // NULL: of all
    uint32_t statuses;       // bit 1 << invocation_status_t; 0: any
    int runtime, start;      // -1: any
    int64_t version;         // 0: any
    int64_t from_ms, to_ms;  // arrived from here to before there, ms since 1970; -1: no bound
    int64_t min_ms;          // total time at least; 0: any
    const char *q;           // part of the error's type or message; NULL or "": any
    int limit;               // 1 to INVOCATION_LIST_MAX
    const char *cursor;      // NULL: the first page
} invocation_filter_t;

#define INVOCATION_FILTER \
    ((invocation_filter_t){.runtime = -1, .start = -1, .from_ms = -1, .to_ms = -1, .limit = 50})

// Newest first. A filter that few records pass looks at a bounded number of them: the page may then be
// short, even empty, and `next` goes on where the search ended. ERR_INVALID for a cursor that is not
// from this list.
int invocation_list(db_t *db, const access_t *access, const invocation_filter_t *filter,
                    invocation_page_t *out, err_t *err) MUSTCHECK;

// One, with everything.
int invocation_get(db_t *db, const access_t *access, const char *id, invocation_t *out,
                   err_t *err) MUSTCHECK;

#endif
