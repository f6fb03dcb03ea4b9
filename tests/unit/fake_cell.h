// The runner's side of service/cell_session, played by a test.
#ifndef CLOCHE_TESTS_UNIT_FAKE_CELL_H
#define CLOCHE_TESTS_UNIT_FAKE_CELL_H

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "service/cell_session.h"
#include "support.h"

// A session and the other ends of its sockets, where the test plays the runner.
typedef struct {
    cell_session_t session;
    call_log_t log;
    int control, out, err;
} cell_t;

static inline void open_cell(cell_t *c)
{
    int fds[LEASE_FDS], *ends[LEASE_FDS] = {&c->control, &c->out, &c->err};
    for (int i = 0; i < LEASE_FDS; i++) {
        int pair[2];
        test_socketpair(pair);
        fds[i] = pair[0];
        *ends[i] = pair[1];
    }
    call_log_init(&c->log, clock_mono_ns(), NULL, NULL);
    cell_session_init(&c->session, fds, &c->log);
}

static inline void close_cell(cell_t *c)
{
    cell_session_free(&c->session);
    call_log_free(&c->log);
    fd_close(&c->control);
    fd_close(&c->out);
    fd_close(&c->err);
}

#define cleanup_cell __attribute__((cleanup(close_cell)))

// Sends to the session and lets it work meanwhile, until all is sent or it has ended.
static inline void say(cell_t *c, const char *bytes, size_t len)
{
    while (len && c->session.state != SESSION_ENDED) {
        ssize_t n = send(c->control, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        cell_session_step(&c->session, NULL);
    }
}

static inline void say_frame(cell_t *c, frame_type_t type, const char *payload)
{
    cleanup_buf buf_t out = BUF_INIT(FRAME_SEND_MAX);
    assert_int_equal(frame_put(&out, type, payload, strlen(payload)), 0);
    say(c, out.data, out.len);
}

static inline void hang_up(cell_t *c)
{
    fd_close(&c->control);
    cell_session_step(&c->session, NULL);
}

static const char good_ready[] = "{\"script\":false}";
static const char good_head[] = "{\"status\":200,\"headers\":[[\"content-type\",\"text/plain\"]]}";
static const char good_end[] = "{\"reusable\":true}";
static const char good_error[] = "{\"type\":\"ValueError\",\"message\":\"no\",\"stack\":null}";

static inline void expect_end(const cell_t *c, session_end_t wanted)
{
    const cell_session_t *s = &c->session;
    assert_int_equal(s->state, SESSION_ENDED);
    if (s->end != wanted)
        fail_msg("ended as %d (%s), expected %d", s->end, s->error_message ? s->error_message : "",
                 wanted);
    assert_true(s->ended_ns > 0);
    if (wanted == SESSION_BROKEN)
        assert_string_equal(s->error_type, "Protocol");
}

static inline void open_running(cell_t *c)
{
    open_cell(c);
    say_frame(c, FRAME_READY, good_ready);
    assert_int_equal(c->session.state, SESSION_RUNNING);
}

static inline void open_answering(cell_t *c)
{
    open_running(c);
    say_frame(c, FRAME_HEAD, good_head);
    assert_int_equal(c->session.state, SESSION_ANSWERING);
}

#endif
