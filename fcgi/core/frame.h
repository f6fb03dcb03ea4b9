// The wire protocol between a worker (or the keeper, for the first frame) and the runner in a cell.
//
// A frame is a 4-byte big-endian payload length, a 1-byte type and the payload; docs/protocol.md says
// what each payload holds. Everything that is read comes from a cell and is hostile: frame_reader
// checks type, direction and length before it takes a byte of payload.
#ifndef CLOCHE_CORE_FRAME_H
#define CLOCHE_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    FRAME_HEADER = 5,
    FRAME_CODE_MAX = 1024 * 1024,         // code of a function
    FRAME_INIT_MAX = 8 * 1024 * 1024,     // a whole INIT: code with JSON escapes, and settings
    FRAME_REQUEST_MAX = 6 * 1024 * 1024,  // request body
    FRAME_RESPONSE_MAX = 6 * 1024 * 1024, // all BODY frames of one answer
    FRAME_HEADERS_MAX = 64 * 1024,        // names and values of a HEAD
    FRAME_LOG_MAX = 256 * 1024,           // stdout and stderr of one invocation
    FRAME_SEND_MAX = 64 * 1024 * 1024,    // what we send in one call, JSON escapes included
};

// name, number, direction ('>' to the runner, '<' from it), largest payload accepted from a runner
#define FRAME_TYPES(X)                              \
    X(FRAME_HELLO, 0x01, '<', 0)                    \
    X(FRAME_INIT, 0x02, '>', 0)                     \
    X(FRAME_READY, 0x03, '<', 256)                  \
    X(FRAME_INVOKE, 0x04, '>', 0)                   \
    X(FRAME_HEAD, 0x05, '<', 6 * FRAME_HEADERS_MAX) \
    X(FRAME_BODY, 0x06, '<', 64 * 1024)             \
    X(FRAME_END, 0x07, '<', 256)                    \
    X(FRAME_ERROR, 0x08, '<', 128 * 1024)

typedef enum {
#define X(name, number, direction, max) name = number,
    FRAME_TYPES(X)
#undef X
} frame_type_t;

typedef struct {
    frame_type_t type;
    // In the reader and not terminated; valid until the next frame_read.
    const char *payload;
    size_t len;
} frame_t;

// Collects bytes from a non-blocking socket and hands out whole frames.
typedef struct {
    buf_t in;
    size_t taken; // bytes of `in` that belong to frames that were handed out
    size_t step;  // bytes to read at once
} frame_reader_t;

void frame_reader_init(frame_reader_t *r);
void frame_reader_free(frame_reader_t *r);

// Reads what is there, without blocking. Returns 1 if bytes came, 0 if none are there now, and -1 with
// ERR_CLOSED at the end of the stream.
int frame_read(frame_reader_t *r, int fd, err_t *err) MUSTCHECK;

// Takes the next whole frame out of what was read. Returns 1 with *frame filled, 0 if more bytes are
// needed, -1 with ERR_PROTOCOL on an unknown type, a wrong direction or a length over its limit.
int frame_next(frame_reader_t *r, frame_t *frame, err_t *err) MUSTCHECK;

// Appends a frame's header for a payload of `len` bytes that the caller appends next.
int frame_put_header(buf_t *out, frame_type_t type, size_t len);
// Appends a whole frame.
int frame_put(buf_t *out, frame_type_t type, const void *payload, size_t len);
// Appends an INVOKE frame: JSON head and raw body.
int frame_put_invoke(buf_t *out, const char *head, size_t head_len, const void *body,
                     size_t body_len);

#endif
