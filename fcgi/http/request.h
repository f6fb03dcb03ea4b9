// One HTTP request, parsed strictly from what the web server hands over (CGI variables and a body).
//
// All texts live as long as the request; those that are decoded, and header values, are valid UTF-8. The
// request line is taken from REQUEST_URI, as the client sent it: nothing in front of us has decoded or
// merged its path.
#ifndef CLOCHE_HTTP_REQUEST_H
#define CLOCHE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/ids.h"
#include "http/url.h"

// Where the body comes from. Returns the bytes read, 0 at its end, -1 when the connection broke.
typedef struct {
    long (*read)(void *ctx, char *data, size_t len);
    void *ctx;
} body_source_t;

typedef struct {
    char id
        [ID_TEXT]; // made here; the id of what the request does and the X-Request-Id of the answer
    int64_t arrived_ns; // CLOCK_MONOTONIC
    int64_t arrived_us; // wall clock
    int client_fd;      // shows POLLRDHUP when the client has left; -1: none

    const char *method;          // as sent
    const char *path;            // as sent, percent-encoded, without the query
    const char *raw_query;       // as sent, "" if none
    const char *const *segments; // of the path, by request_split_path
    size_t segment_count;
    pairs_t query;   // decoded, in order
    pairs_t headers; // names in lower case, in order; repeated ones appear repeatedly
    pairs_t cookies;
    const char *content_type; // "" if none
    int64_t content_length;   // -1: not announced
    const char *remote_addr, *scheme, *host, *protocol;

    buf_t body; // filled by request_read_body
    body_source_t source;
    arena_t arena;
} request_t;

// Parses the variables ("NAME=value", NULL at the end; not used after the call). ERR_BAD_REQUEST for
// what is malformed; method, id, headers and host are then usable where they were well-formed, so that
// the refusal can be answered. Free with request_free in any case.
int request_parse(request_t *r, const char *const *variables, err_t *err) MUSTCHECK;
void request_free(request_t *r);

// Splits the path into r->segments, each decoded once; "/a//b" has an empty one. ERR_BAD_REQUEST for
// broken escapes, NUL, what is not UTF-8, dot segments and escaped slashes.
int request_split_path(request_t *r, err_t *err) MUSTCHECK;

// Value of the first header of that name (lower case), or NULL.
const char *request_header(const request_t *r, const char *name);
// Value of the first query parameter of that name, or NULL.
const char *request_query(const request_t *r, const char *name);

// Reads the whole body into r->body, once. ERR_TOO_LARGE over `cap` bytes (without reading it, where its
// length was announced), ERR_CLOSED when it ends early.
int request_read_body(request_t *r, size_t cap, err_t *err) MUSTCHECK;

#endif
