// Collects what a function prints while it runs: two byte streams become one list of lines in order of
// arrival, capped, as JSON ready for the record:
//     [{"stream":"stdout","t_ms":1.5,"level":"info","text":"..."}]
// What is printed to stderr is an error unless the line itself says what it is (service/log_level).
#ifndef CLOCHE_SERVICE_CALL_LOG_H
#define CLOCHE_SERVICE_CALL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef enum { STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT } stream_t;

typedef struct {
    const char *stream; // stdout or stderr; system: not the function's own words
    const char *level;
    int64_t t_us; // since zero_ns
    const char *text;
    size_t len;
} call_log_line_t;

// Appends the line's members to an object that has been begun.
void call_log_line_json(buf_t *out, const call_log_line_t *line);

// Called with each line as it is complete.
typedef void call_log_line_fn(void *ctx, const call_log_line_t *line);

typedef struct {
    int64_t zero_ns; // CLOCK_MONOTONIC at t_us 0
    call_log_line_fn *on_line;
    void *ctx;
    buf_t json;
    buf_t partial[STREAM_COUNT]; // a line that has not ended yet
    size_t bytes, lines;
    bool truncated; // the cap was reached: what came later was dropped
} call_log_t;

void call_log_init(call_log_t *log, int64_t zero_ns, call_log_line_fn *on_line, void *ctx);
void call_log_free(call_log_t *log);

// Takes bytes of a stream.
void call_log_add(call_log_t *log, stream_t stream, const char *data, size_t len);

// Ends what has not ended in a newline, and adds a last line: what the call failed of.
void call_log_failure(call_log_t *log, const char *type, const char *message);

// Ends what has not ended in a newline, and hands out the JSON list, which the caller frees; NULL when
// nothing was printed.
char *call_log_take(call_log_t *log, size_t *len);

#endif
