// Fuzzes what reads from a cell: core/frame, and service/cell_session with its log.
//
// An input is a list of pieces: a byte that says which stream (or a step in between), a byte with the
// length, and as many bytes. What must hold whatever comes is checked with assert.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/frame.h"
#include "core/json.h"
#include "http/header.h"
#include "service/cell_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    cell_session_t session;
    call_log_t log;
    int runner[LEASE_FDS]; // the cell's ends
} cell_t;

static void open_cell(cell_t *c)
{
    int fds[LEASE_FDS];
    for (int i = 0; i < LEASE_FDS; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            abort();
        fds[i] = pair[0];
        c->runner[i] = pair[1];
    }
    call_log_init(&c->log, clock_mono_ns(), NULL, NULL);
    cell_session_init(&c->session, fds, &c->log);
}

static void close_runner(cell_t *c)
{
    for (int i = 0; i < LEASE_FDS; i++)
        close(c->runner[i]);
}

static void check_session(const cell_session_t *s)
{
    const cJSON *pair;
    cJSON_ArrayForEach (pair, s->headers) {
        assert(cJSON_GetArraySize(pair) == 2);
        assert(header_name_ok(cJSON_GetArrayItem(pair, 0)->valuestring));
        assert(header_value_ok(cJSON_GetArrayItem(pair, 1)->valuestring));
    }
    assert(s->body.len <= s->body_bytes && s->body.len <= FRAME_RESPONSE_MAX);
    if (s->state != SESSION_ENDED)
        return;
    if (s->end == SESSION_ANSWERED)
        assert(s->headers && s->status >= 200 && s->status <= 599 && !buf_failed(&s->body));
    if (s->end == SESSION_FAILED || s->end == SESSION_BROKEN)
        assert(s->error_type && s->error_type[0] && s->error_message);
}

static void step(cell_t *c)
{
    session_state_t state = c->session.state;
    session_end_t end = c->session.end;
    cell_session_step(&c->session, NULL);
    check_session(&c->session);
    assert(c->session.state >= state);
    assert(state != SESSION_ENDED || c->session.end == end);
}

// Plays the input; the bytes of the control stream are also collected.
static void play(cell_t *c, const uint8_t *data, size_t size, buf_t *control)
{
    for (size_t at = 0; at + 2 <= size;) {
        unsigned target = data[at] % 4;
        size_t len = data[at + 1], left = size - at - 2;
        const uint8_t *piece = data + at + 2;
        if (len > left)
            len = left;
        at += 2 + len;
        if (target == LEASE_FDS) {
            step(c);
            continue;
        }
        if (send(c->runner[target], piece, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
            return;
        if (target == 0)
            buf_add(control, piece, len);
    }
}

static void check_log(call_log_t *log)
{
    size_t len;
    char *json = call_log_take(log, &len);
    cJSON *lines = json ? cJSON_ParseWithLength(json, len) : NULL;
    assert(!json || (cJSON_IsArray(lines) && strlen(json) == len));
    assert(log->bytes <= FRAME_LOG_MAX);
    cJSON_Delete(lines);
    free(json);
}

// Adds what comes out of the reader to the text: type and length of each frame, or the refusal.
static bool drain(frame_reader_t *r, buf_t *seen)
{
    frame_t frame;
    int n;
    while ((n = frame_next(r, &frame, NULL)) == 1) {
        buf_addf(seen, "%d:%zu:", frame.type, frame.len);
        buf_add(seen, frame.payload, frame.len);
    }
    if (n < 0)
        buf_adds(seen, "refused");
    return n == 0;
}

// The frames must not depend on how the stream was cut.
static void check_cuts(const buf_t *control)
{
    enum { SEEN_MAX = 16 * 1024 * 1024 };
    buf_t whole = BUF_INIT(SEEN_MAX), cut = BUF_INIT(SEEN_MAX);
    frame_reader_t one, many;
    frame_reader_init(&one);
    frame_reader_init(&many);
    buf_add(&one.in, buf_str(control), control->len);
    drain(&one, &whole);
    bool more = true;
    for (size_t i = 0; i < control->len && more; i++) {
        buf_add(&many.in, control->data + i, 1);
        more = drain(&many, &cut);
    }
    assert(whole.len == cut.len && memcmp(buf_str(&whole), buf_str(&cut), cut.len) == 0);
    buf_free(&whole);
    buf_free(&cut);
    frame_reader_free(&one);
    frame_reader_free(&many);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cell_t c;
    buf_t control = BUF_INIT(512 * 1024);
    open_cell(&c);
    play(&c, data, size, &control);
    step(&c);
    close_runner(&c);
    step(&c);
    assert(c.session.state == SESSION_ENDED);
    cell_session_drain(&c.session);
    check_log(&c.log);
    check_cuts(&control);
    cell_session_free(&c.session);
    call_log_free(&c.log);
    buf_free(&control);
    return 0;
}
