#include "http/response.h"

#include "base/cleanup.h"
#include "support.h"

typedef struct {
    buf_t out;
    int flushes;
    bool gone;
} wire_t;

static int wire_write(void *ctx, const char *data, size_t len)
{
    wire_t *w = ctx;
    return w->gone ? -1 : buf_add(&w->out, data, len);
}

static int wire_flush(void *ctx)
{
    wire_t *w = ctx;
    w->flushes++;
    return w->gone ? -1 : 0;
}

static void begin(response_t *r, wire_t *w)
{
    *w = (wire_t){.out = BUF_INIT(1 << 20)};
    response_init(r, (response_sink_t){wire_write, wire_flush, w});
}

static void end(response_t *r, wire_t *w)
{
    response_free(r);
    buf_free(&w->out);
}

static void whole_answer(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    r.status = 201;
    assert_ok(response_header(&r, "Content-Type", "text/plain"));
    buf_adds(&r.body, "hello");
    assert_ok(response_finish(&r));
    assert_string_equal(w.out.data, "Status: 201 Created\r\nContent-Type: text/plain\r\n"
                                    "Content-Length: 5\r\n\r\nhello");
    end(&r, &w);
}

static void head_has_the_length_and_no_body(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    r.no_body = true;
    buf_adds(&r.body, "hello");
    assert_ok(response_finish(&r));
    assert_string_equal(w.out.data, "Status: 200 OK\r\nContent-Length: 5\r\n\r\n");
    end(&r, &w);
}

static void no_content_has_neither(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    r.status = 204;
    buf_adds(&r.body, "must not be sent");
    assert_ok(response_finish(&r));
    assert_string_equal(w.out.data, "Status: 204 No Content\r\n\r\n");
    end(&r, &w);
}

static void nothing_gets_into_the_head_through_a_header(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    static const char *const bad[][2] = {
        {"X", "a\r\nSet-Cookie: x=1"},
        {"X", "a\nb"},
        {"X", "a\rb"},
        {"X", "\x01"},
        {"X", "\x7f"},
        {"X: a\r\nY", "b"},
        {"", "a"},
        {"X Y", "a"},
        {"X:", "a"},
        {"Xü", "a"},
        {"Status", "302"},
        {"status", "200"},
        {"Content-Length", "0"},
        {"Transfer-Encoding", "chunked"},
        {"connection", "close"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (response_header(&r, bad[i][0], bad[i][1]) != -1)
            fail_msg("%s: %s was taken", bad[i][0], bad[i][1]);
    assert_int_equal(r.headers.len, 0);
    assert_ok(response_header(&r, "X", "tabs\tand ümläuts"));
    end(&r, &w);
}

static void a_head_over_its_ceiling_keeps_whole_headers(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    char value[4001];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    int taken = 0;
    while (response_header(&r, "X-Long", value) == 0)
        taken++;
    assert_int_equal(taken, RESPONSE_HEADERS_MAX / 4010);
    assert_int_equal(r.headers.len, taken * 4010);
    assert_ok(response_header(&r, "X", "short"));
    assert_ok(response_finish(&r));
    end(&r, &w);
}

static void streams_go_out_piece_by_piece(void **state)
{
    (void)state;
    response_t r;
    wire_t w;
    begin(&r, &w);
    assert_ok(response_stream(&r));
    assert_string_equal(w.out.data, "Status: 200 OK\r\nX-Accel-Buffering: no\r\n\r\n");
    assert_int_equal(w.flushes, 1);
    assert_ok(response_write(&r, "one", 3));
    assert_int_equal(w.flushes, 2);
    w.gone = true;
    assert_int_equal(response_write(&r, "two", 3), -1);
    w.gone = false; // whoever left does not come back
    assert_int_equal(response_write(&r, "three", 5), -1);
    assert_int_equal(response_finish(&r), -1);
    end(&r, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answer),
        cmocka_unit_test(head_has_the_length_and_no_body),
        cmocka_unit_test(no_content_has_neither),
        cmocka_unit_test(nothing_gets_into_the_head_through_a_header),
        cmocka_unit_test(a_head_over_its_ceiling_keeps_whole_headers),
        cmocka_unit_test(streams_go_out_piece_by_piece),
    };
    return RUN_TESTS(tests);
}
