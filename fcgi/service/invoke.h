// Runs a function once: gets a cell from the keeper, speaks the wire protocol with its runner, and says
// what came of it. Blocking; called by a worker thread, one call at a time per thread.
#ifndef CLOCHE_SERVICE_INVOKE_H
#define CLOCHE_SERVICE_INVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/config.h"
#include "core/json.h"
#include "core/lease.h"
#include "model/function.h"
#include "model/invocation.h"
#include "service/call_log.h"

// What the function's event is made from (docs/protocol.md, INVOKE).
typedef enum {
    EVENT_NONE,  // null
    EVENT_VALUE, // `event`, JSON text
    EVENT_JSON,  // the body, parsed as JSON
    EVENT_TEXT,  // the body, a string
    EVENT_BYTES, // the body as it is
} event_source_t;

typedef enum { PHASE_QUEUED, PHASE_LAUNCHING, PHASE_LOADING, PHASE_RUNNING } invoke_phase_t;
const char *invoke_phase_name(invoke_phase_t phase);

// Pieces as they come, for callers that stream. Each may be NULL. `ctx` is the caller's. `body` returns
// -1 when the client is gone: the call is then ended as cancelled.
typedef struct {
    void (*phase)(void *ctx, invoke_phase_t phase, int64_t t_us);
    call_log_line_fn *log;
    // A streamed answer begins (HEAD with "stream"): after this, `body` gets each piece and the result's
    // own body stays empty. The record's `start` is set by then.
    int (*head)(void *ctx, int status, const cJSON *headers);
    int (*body)(void *ctx, const char *data, size_t len);
    void *ctx;
} invoke_sink_t;

// What to run, all borrowed for the length of the call.
typedef struct {
    const function_t *function;
    runtime_t runtime;
    bool any_revision; // an older version on purpose: do not compare with the newest
    int64_t edition; // of the routes, in which the function was found by its path; else EDITION_ANY
    const char *id;  // invocation id, also the request id
    invocation_source_t origin;
    const char *replay_of; // with SOURCE_REPLAY: the call whose input this is
    event_source_t source;
    const char *event;   // JSON text, with EVENT_VALUE
    const char *args;    // JSON array of strings, or NULL
    const char *request; // JSON object of context.request, or NULL
    const char *body;
    size_t body_len;
    int client_fd;             // watched for a hang-up; -1: none
    int64_t arrived_ns;        // CLOCK_MONOTONIC, when the request came
    const invoke_sink_t *sink; // or NULL
} invoke_call_t;

// The answer of the function, when status is ok. The rest of the outcome (status, error, log, phases,
// figures) is in the record.
typedef struct {
    int http_status; // 0 without an answer
    cJSON *headers;  // [["name","value"],...], checked; NULL without an answer
    buf_t body;
    bool streamed; // head was handed to the sink
} invoke_answer_t;

void invoke_answer_free(invoke_answer_t *answer);

typedef struct invoker invoker_t;
typedef struct invoker_thread invoker_thread_t;

// One per process. Borrowed: config.
int invoker_open(const config_t *config, invoker_t **out, err_t *err) MUSTCHECK;
void invoker_close(invoker_t *invoker);

// One per worker thread: holds its connection to the keeper, made at first use and again after a
// keeper restart.
invoker_thread_t *invoker_thread_new(invoker_t *invoker);
void invoker_thread_free(invoker_thread_t *thread);

// Runs the call. Returns 0 with *record and *answer filled, whatever the function did; the caller frees
// both. Of the record, the HTTP side (method, path, http_status of a failure) is left to the caller.
// Returns -1 with
//   ERR_STALE      the row is not the newest: read it again and retry; invoke_edition tells the edition,
//   ERR_NOT_FOUND  the function was deleted meanwhile.
int invoke_run(invoker_thread_t *thread, const invoke_call_t *call, invocation_t *record,
               invoke_answer_t *answer, err_t *err) MUSTCHECK;

// The newest edition of the routes that this thread was told of, 0 for none.
int64_t invoke_edition(const invoker_thread_t *thread);

// Tells the keeper that a function was written or deleted, and waits for its ACK, bounded. Called after
// the commit and before the answer. A keeper that is down is no failure: it forgets nothing it knew.
void invoke_changed(invoker_thread_t *thread, const char *function_id, int64_t revision,
                    bool deleted);

// The keeper's counts, for health. -1 with ERR_UNAVAILABLE when it does not answer.
int invoke_counts(invoker_thread_t *thread, lease_counts_t *counts, err_t *err) MUSTCHECK;

#endif
