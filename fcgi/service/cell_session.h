// The conversation with the runner in one leased cell: sends INIT and INVOKE, takes what comes back in
// the only order that is allowed, and collects the log. Non-blocking; service/invoke polls.
//
// Everything that is read here is hostile: the process at the other end runs the function.
#ifndef CLOCHE_SERVICE_CELL_SESSION_H
#define CLOCHE_SERVICE_CELL_SESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/json.h"
#include "core/lease.h"
#include "service/call_log.h"

// How far a call has come. Each step only from the one before; ended from all.
typedef enum {
    SESSION_LOADING,   // INIT is sent, READY is awaited
    SESSION_RUNNING,   // INVOKE is in its hands
    SESSION_ANSWERING, // HEAD came, BODY and END follow
    SESSION_ENDED,
} session_state_t;

// Why it ended.
typedef enum {
    SESSION_ANSWERED, // END: the answer is whole
    SESSION_FAILED,   // ERROR: `error_*` says why
    SESSION_BROKEN,   // the runner broke the protocol; error_message says how
    SESSION_CLOSED,   // the process closed its end without an answer
    SESSION_REFUSED,  // the sink took no more: the client is gone
} session_end_t;

typedef struct {
    session_state_t state;
    session_end_t end;
    int fds[LEASE_FDS]; // control, stdout, stderr; -1 once closed
    frame_reader_t reader;
    buf_t out; // frames to send
    size_t sent;
    call_log_t *log;            // borrowed
    int64_t ready_ns, ended_ns; // CLOCK_MONOTONIC, 0 until then

    int status;     // of HEAD
    cJSON *headers; // [["name","value"],...], checked
    bool stream;    // the function streams
    buf_t body;     // unless it goes to on_body
    size_t body_bytes;
    bool script;   // READY says so
    bool reusable; // END says the runner is clean
    char *error_type, *error_message, *error_stack;

    // Streamed answers, if set: -1 when the client takes no more.
    int (*on_head)(void *ctx, int status, const cJSON *headers);
    int (*on_body)(void *ctx, const char *data, size_t len);
    void (*on_ready)(void *ctx);
    void *ctx;
} cell_session_t;

// Takes over the three descriptors.
void cell_session_init(cell_session_t *s, const int fds[LEASE_FDS], call_log_t *log);
void cell_session_free(cell_session_t *s);

// Begins with a runner that has its code loaded: INVOKE follows, no READY is awaited.
void cell_session_resume(cell_session_t *s);

// Ends the conversation with a failure of our own, before anything was sent.
void cell_session_fail(cell_session_t *s, const char *type, const char *message);

// Fills three entries for poll(); -1 where there is nothing to wait for.
void cell_session_poll(const cell_session_t *s, struct pollfd p[LEASE_FDS]);

// Does what the poll found possible; with NULL, all that can be done without waiting.
void cell_session_step(cell_session_t *s, const struct pollfd p[LEASE_FDS]);

// Whether another request may follow in this cell: the answer is whole, the runner says that nothing is left
// of this call, and nothing was sent or received beyond it.
bool cell_session_is_clean(const cell_session_t *s);

// Whether nothing is to be read now, from its sockets and from `other`, and no end was closed.
bool cell_session_is_quiet(const cell_session_t *s, int other);

// Reads what is left in the two log streams, without waiting for more.
void cell_session_drain(cell_session_t *s);

// Gives the three descriptors away to the caller.
void cell_session_detach(cell_session_t *s, int fds[LEASE_FDS]);

#endif
