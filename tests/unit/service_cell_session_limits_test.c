// What a session does with much, with long and with little by little.
#include <pthread.h>
#include <stdatomic.h>

#include "fake_cell.h"

// ---- size of the answer

static void say_body(cell_t *c, size_t len)
{
    static const char bytes[64 * 1024];
    while (len && c->session.state != SESSION_ENDED) {
        size_t n = len < sizeof bytes ? len : sizeof bytes;
        cleanup_buf buf_t out = BUF_INIT(sizeof bytes + FRAME_HEADER);
        frame_put(&out, FRAME_BODY, bytes, n);
        say(c, out.data, out.len);
        len -= n;
    }
}

static void an_answer_of_six_megabytes_passes_and_one_byte_more_fails(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_answering(&c);
    say_body(&c, FRAME_RESPONSE_MAX);
    say_frame(&c, FRAME_END, good_end);
    expect_end(&c, SESSION_ANSWERED);
    assert_int_equal(c.session.body.len, FRAME_RESPONSE_MAX);
    assert_false(buf_failed(&c.session.body));

    cleanup_cell cell_t over;
    open_answering(&over);
    say_body(&over, FRAME_RESPONSE_MAX);
    assert_int_equal(over.session.state, SESSION_ANSWERING);
    say_body(&over, 1);
    expect_end(&over, SESSION_FAILED);
    assert_string_equal(over.session.error_type, "ResponseTooLarge");
}

// ---- streamed answers

typedef struct {
    buf_t seen;
    bool gone; // takes no more
} sink_t;

static int sink_head(void *ctx, int status, const cJSON *headers)
{
    sink_t *sink = ctx;
    buf_addf(&sink->seen, "%d %d ", status, cJSON_GetArraySize(headers));
    return sink->gone ? -1 : 0;
}

static int sink_body(void *ctx, const char *data, size_t len)
{
    sink_t *sink = ctx;
    buf_add(&sink->seen, data, len);
    return sink->gone ? -1 : 0;
}

static void sink_ready(void *ctx)
{
    sink_t *sink = ctx;
    buf_adds(&sink->seen, "ready ");
}

static void attach(cell_t *c, sink_t *sink)
{
    c->session.ctx = sink;
    c->session.on_head = sink_head;
    c->session.on_body = sink_body;
    c->session.on_ready = sink_ready;
}

static const char stream_head[] = "{\"status\":201,\"headers\":[],\"stream\":true}";

static void a_streamed_answer_goes_to_the_sink(void **state)
{
    (void)state;
    sink_t sink = {.seen = BUF_INIT(1000)};
    cleanup_cell cell_t c;
    open_cell(&c);
    attach(&c, &sink);
    say_frame(&c, FRAME_READY, good_ready);
    say_frame(&c, FRAME_HEAD, stream_head);
    say_frame(&c, FRAME_BODY, "a");
    assert_string_equal(buf_str(&sink.seen), "ready 201 0 a"); // at once
    say_frame(&c, FRAME_BODY, "b");
    say_frame(&c, FRAME_END, good_end);
    expect_end(&c, SESSION_ANSWERED);
    assert_string_equal(buf_str(&sink.seen), "ready 201 0 ab");
    assert_int_equal(c.session.body.len, 0);
    assert_int_equal(c.session.body_bytes, 2);
    buf_free(&sink.seen);
}

static void an_answer_that_is_not_streamed_is_collected(void **state)
{
    (void)state;
    sink_t sink = {.seen = BUF_INIT(1000)};
    cleanup_cell cell_t c;
    open_cell(&c);
    attach(&c, &sink);
    say_frame(&c, FRAME_READY, good_ready);
    say_frame(&c, FRAME_HEAD, good_head);
    say_frame(&c, FRAME_BODY, "a");
    assert_string_equal(buf_str(&sink.seen), "ready ");
    assert_string_equal(buf_str(&c.session.body), "a");
    buf_free(&sink.seen);
}

static void a_sink_that_takes_no_more_ends_the_session(void **state)
{
    (void)state;
    for (int at_head = 0; at_head < 2; at_head++) {
        sink_t sink = {.seen = BUF_INIT(1000), .gone = at_head};
        cleanup_cell cell_t c;
        open_running(&c);
        attach(&c, &sink);
        say_frame(&c, FRAME_HEAD, stream_head);
        sink.gone = true;
        say_frame(&c, FRAME_BODY, "a");
        expect_end(&c, SESSION_REFUSED);
        buf_free(&sink.seen);
    }
}

static void a_stream_is_capped_like_any_answer(void **state)
{
    (void)state;
    sink_t sink = {.seen = BUF_INIT(FRAME_RESPONSE_MAX + 100)};
    cleanup_cell cell_t c;
    open_running(&c);
    attach(&c, &sink);
    say_frame(&c, FRAME_HEAD, stream_head);
    say_body(&c, FRAME_RESPONSE_MAX + 1);
    expect_end(&c, SESSION_FAILED);
    assert_string_equal(c.session.error_type, "ResponseTooLarge");
    buf_free(&sink.seen);
}

// ---- logs

static void logs_are_read_along_the_way_and_at_the_end(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_running(&c);
    assert_int_equal(write(c.out, "one\n", 4), 4);
    cell_session_step(&c.session, NULL);
    assert_int_equal(c.log.lines, 1);
    say_frame(&c, FRAME_ERROR, good_error);
    assert_int_equal(write(c.err, "two\n", 4), 4);
    cell_session_step(&c.session, NULL); // has ended: does nothing
    assert_int_equal(c.log.lines, 1);
    cell_session_drain(&c.session);
    assert_int_equal(c.log.lines, 2);
}

static void closed_log_streams_do_not_end_the_call(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_running(&c);
    assert_int_equal(write(c.out, "last", 4), 4);
    fd_close(&c.out);
    fd_close(&c.err);
    cell_session_step(&c.session, NULL);
    struct pollfd p[LEASE_FDS];
    cell_session_poll(&c.session, p);
    assert_true(p[0].fd >= 0);
    assert_int_equal(p[1].fd, -1);
    assert_int_equal(p[2].fd, -1);
    say_frame(&c, FRAME_HEAD, good_head);
    say_frame(&c, FRAME_END, good_end);
    expect_end(&c, SESSION_ANSWERED);
    assert_int_equal(c.log.bytes, 4);
}

// ---- floods

// Writes the same bytes to a socket until it is told to stop.
typedef struct {
    int fd;
    const char *bytes;
    size_t len;
    atomic_bool stop;
    pthread_t thread;
} flood_t;

static void *write_flood(void *arg)
{
    flood_t *f = arg;
    while (!atomic_load(&f->stop)) {
        struct pollfd p = {.fd = f->fd, .events = POLLOUT};
        if (poll(&p, 1, 10) > 0 && send(f->fd, f->bytes, f->len, MSG_NOSIGNAL) < 0)
            break;
    }
    return NULL;
}

static void flood_start(flood_t *f)
{
    assert_int_equal(pthread_create(&f->thread, NULL, write_flood, f), 0);
}

// The session has closed its ends by now: a write that waits for room fails.
static void flood_stop(flood_t *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
}

// Waits until there is something to do, and does it.
static void step_once(cell_t *c)
{
    struct pollfd p[LEASE_FDS];
    cell_session_poll(&c->session, p);
    assert_true(poll(p, LEASE_FDS, 10000) > 0);
    cell_session_step(&c->session, NULL);
}

static void a_flood_of_logs_is_capped_and_does_not_hold_up_the_answer(void **state)
{
    (void)state;
    char bytes[8192];
    memset(bytes, 'x', sizeof bytes);
    cell_t c;
    open_running(&c);
    flood_t out = {.fd = c.out, .bytes = bytes, .len = sizeof bytes};
    flood_t err = {.fd = c.err, .bytes = bytes, .len = sizeof bytes};
    flood_start(&out);
    flood_start(&err);
    while (!c.log.truncated)
        step_once(&c);
    say_frame(&c, FRAME_HEAD, good_head);
    say_frame(&c, FRAME_END, good_end);
    while (c.session.state != SESSION_ENDED)
        step_once(&c);
    cell_session_drain(&c.session);
    session_end_t end = c.session.end;
    size_t logged = c.log.bytes;
    cell_session_free(&c.session);
    flood_stop(&out);
    flood_stop(&err);
    call_log_free(&c.log);
    close(c.control);
    close(c.out);
    close(c.err);
    assert_int_equal(end, SESSION_ANSWERED);
    assert_int_equal(logged, FRAME_LOG_MAX);
}

// They add nothing to the size of the answer, so nothing but a bound ends the reading of them.
static void a_flood_of_empty_frames_does_not_hold_a_step_for_ever(void **state)
{
    (void)state;
    cleanup_buf buf_t frames = BUF_INIT(100 * 1024);
    while (frames.len < 64 * 1024)
        frame_put(&frames, FRAME_BODY, "", 0);
    cell_t c;
    open_answering(&c);
    flood_t flood = {.fd = c.control, .bytes = frames.data, .len = frames.len};
    flood_start(&flood);
    for (int i = 0; i < 3; i++)
        step_once(&c);
    session_state_t at = c.session.state;
    cell_session_free(&c.session);
    flood_stop(&flood);
    call_log_free(&c.log);
    close(c.control);
    close(c.out);
    close(c.err);
    assert_int_equal(at, SESSION_ANSWERING);
}

// ---- sending

static void a_long_request_is_sent_as_the_runner_takes_it(void **state)
{
    (void)state;
    enum { BYTES = 3 * 1024 * 1024 };
    cleanup_cell cell_t c;
    open_cell(&c);
    for (int i = 0; i < BYTES; i++)
        buf_addc(&c.session.out, (char)(i * 31));
    cleanup_buf buf_t got = BUF_INIT(BYTES);
    struct pollfd p[LEASE_FDS];
    for (cell_session_poll(&c.session, p); got.len < BYTES; cell_session_poll(&c.session, p)) {
        char bytes[64 * 1024];
        cell_session_step(&c.session, NULL);
        ssize_t n = recv(c.control, bytes, sizeof bytes, MSG_DONTWAIT);
        assert_true(n > 0);
        buf_add(&got, bytes, (size_t)n);
    }
    assert_int_equal(p[0].events & POLLOUT, 0);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(got.data[i], (char)(i * 31));
}

static void waiting_to_send_shows_in_poll(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_cell(&c);
    struct pollfd p[LEASE_FDS];
    cell_session_poll(&c.session, p);
    assert_int_equal(p[0].events, POLLIN);
    buf_adds(&c.session.out, "x");
    cell_session_poll(&c.session, p);
    assert_int_equal(p[0].events, POLLIN | POLLOUT);
}

static void what_a_runner_said_before_it_went_counts(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_cell(&c);
    cleanup_buf buf_t out = BUF_INIT(1000);
    frame_put(&out, FRAME_ERROR, good_error, strlen(good_error));
    assert_int_equal(send(c.control, out.data, out.len, 0), out.len);
    for (int i = 0; i < 1024 * 1024; i++)
        buf_addc(&c.session.out, 'x');
    fd_close(&c.control); // takes nothing of what it is sent
    cell_session_step(&c.session, NULL);
    expect_end(&c, SESSION_FAILED);
    assert_string_equal(c.session.error_type, "ValueError");
}

static void a_failure_of_our_own_ends_the_session(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_cell(&c);
    cell_session_fail(&c.session, "RequestTooLarge", "it does not fit");
    expect_end(&c, SESSION_FAILED);
    assert_string_equal(c.session.error_type, "RequestTooLarge");
    assert_null(c.session.error_stack);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_of_six_megabytes_passes_and_one_byte_more_fails),
        cmocka_unit_test(a_streamed_answer_goes_to_the_sink),
        cmocka_unit_test(an_answer_that_is_not_streamed_is_collected),
        cmocka_unit_test(a_sink_that_takes_no_more_ends_the_session),
        cmocka_unit_test(a_stream_is_capped_like_any_answer),
        cmocka_unit_test(logs_are_read_along_the_way_and_at_the_end),
        cmocka_unit_test(closed_log_streams_do_not_end_the_call),
        cmocka_unit_test(a_flood_of_logs_is_capped_and_does_not_hold_up_the_answer),
        cmocka_unit_test(a_flood_of_empty_frames_does_not_hold_a_step_for_ever),
        cmocka_unit_test(a_long_request_is_sent_as_the_runner_takes_it),
        cmocka_unit_test(waiting_to_send_shows_in_poll),
        cmocka_unit_test(what_a_runner_said_before_it_went_counts),
        cmocka_unit_test(a_failure_of_our_own_ends_the_session),
    };
    return RUN_TESTS(tests);
}
