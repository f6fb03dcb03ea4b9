// FastCGI: takes requests from the web server and hands each to a handler, on threads of its own. The
// only module that knows libfcgi.
//
// A connection that the web server keeps alive holds a thread, so there must be more threads than such
// connections. Stopping is graceful: SIGTERM and SIGUSR1 (what multiwatch makes of a TERM) end the
// accepting; requests that run are finished.
#ifndef CLOCHE_HTTP_GATEWAY_H
#define CLOCHE_HTTP_GATEWAY_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "http/request.h"
#include "http/response.h"

typedef struct {
    int listen_fd; // a listening socket, shared with other processes; made non-blocking
    int threads;
    size_t stack_bytes; // of each thread
    // State of each thread, made and ended on it. Either may be NULL.
    void *(*thread_begin)(void *ctx);
    void (*thread_end)(void *state);
    // Fills the response. With `malformed` (else NULL) the request could not be parsed, and is to be
    // refused.
    void (*handle)(void *ctx, void *state, request_t *request, const err_t *malformed,
                   response_t *response);
    void *ctx;
} gateway_t;

// Call first thing in main, before any thread starts: blocks the stop signals, so that only gateway_run
// sees them, ignores SIGPIPE, and asks for a SIGTERM when the parent process dies. One that has another
// parent than `parent` by now (0: any will do) has lost it already, and gets that signal at once.
int gateway_prepare(pid_t parent, err_t *err) MUSTCHECK;

// Serves until a stop signal came and the last request is finished.
int gateway_run(const gateway_t *gateway, err_t *err) MUSTCHECK;

#endif
