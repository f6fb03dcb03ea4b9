// One HTTP answer. A handler sets status and headers and either fills the body, which is sent when the
// handler returns, or streams it.
#ifndef CLOCHE_HTTP_RESPONSE_H
#define CLOCHE_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    RESPONSE_HEADERS_MAX = 96 * 1024, // a function's 64 KiB and our own
    RESPONSE_BODY_MAX = 64 * 1024 * 1024,
};

// Where an answer goes. Both return -1 when the client is gone.
typedef struct {
    int (*write)(void *ctx, const char *data, size_t len);
    int (*flush)(void *ctx);
    void *ctx;
} response_sink_t;

typedef struct {
    int status;
    buf_t headers; // "name: value\r\n" each
    buf_t body;
    bool no_body; // HEAD: what is written as body goes nowhere
    bool started; // the head is sent
    bool streams; // the body's length is not known beforehand
    bool cut;     // the client is to see that the answer is incomplete
    bool gone;    // a write failed: nobody is there
    response_sink_t sink;
} response_t;

void response_init(response_t *r, response_sink_t sink);
void response_free(response_t *r);

// Forgets status, headers and body, for an answer that turns out another than it began. Only before
// the head is sent.
void response_reset(response_t *r);

// Adds a header. -1 for a name that is no token, a value with control characters, a head over its
// ceiling, and names the web server would act on (`status`, `content-length`, hop-by-hop fields).
int response_header(response_t *r, const char *name, const char *value);

// Sends the head now; the body follows piece by piece, each on its way to the client when
// response_write returns. Both return -1 when the client is gone.
int response_stream(response_t *r) MUSTCHECK;
int response_write(response_t *r, const char *data, size_t len);

// Marks the answer as broken off: the gateway ends the connection without the mark of its end, and the
// client sees an incomplete answer.
void response_cut(response_t *r);

// Sends what has not been sent. Called by the gateway.
int response_finish(response_t *r);

#endif
