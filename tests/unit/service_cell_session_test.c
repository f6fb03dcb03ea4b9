// The order of frames and what is in them.
#include "core/json.h"
#include "fake_cell.h"

// ---- order

static void an_answer_goes_through_all_states(void **state)
{
    (void)state;
    cleanup_cell cell_t c;
    open_cell(&c);
    assert_int_equal(c.session.state, SESSION_LOADING);
    say_frame(&c, FRAME_READY, good_ready);
    assert_int_equal(c.session.state, SESSION_RUNNING);
    assert_true(c.session.ready_ns > 0);
    say_frame(&c, FRAME_HEAD, good_head);
    assert_int_equal(c.session.state, SESSION_ANSWERING);
    say_frame(&c, FRAME_BODY, "hel");
    say_frame(&c, FRAME_BODY, "");
    say_frame(&c, FRAME_BODY, "lo");
    assert_int_equal(c.session.state, SESSION_ANSWERING);
    say_frame(&c, FRAME_END, good_end);
    expect_end(&c, SESSION_ANSWERED);
    assert_int_equal(c.session.status, 200);
    const cJSON *pair = cJSON_GetArrayItem(c.session.headers, 0);
    assert_int_equal(cJSON_GetArraySize(c.session.headers), 1);
    assert_string_equal(cJSON_GetArrayItem(pair, 0)->valuestring, "content-type");
    assert_string_equal(cJSON_GetArrayItem(pair, 1)->valuestring, "text/plain");
    assert_string_equal(buf_str(&c.session.body), "hello");
    assert_true(c.session.reusable);
}

enum { STILL_OPEN = -1 };

// What the protocol says about a sequence of frames; the test's own reading of it.
static int expected_end(const frame_type_t *frames, size_t count)
{
    session_state_t at = SESSION_LOADING;
    for (size_t i = 0; i < count; i++) {
        if (frames[i] == FRAME_ERROR)
            return SESSION_FAILED;
        if (at == SESSION_LOADING && frames[i] == FRAME_READY)
            at = SESSION_RUNNING;
        else if (at == SESSION_RUNNING && frames[i] == FRAME_HEAD)
            at = SESSION_ANSWERING;
        else if (at == SESSION_ANSWERING && frames[i] == FRAME_END)
            return SESSION_ANSWERED;
        else if (at != SESSION_ANSWERING || frames[i] != FRAME_BODY)
            return SESSION_BROKEN;
    }
    return STILL_OPEN;
}

static const char *payload_of(frame_type_t type)
{
    switch (type) {
    case FRAME_READY:
        return good_ready;
    case FRAME_HEAD:
        return good_head;
    case FRAME_BODY:
        return "body";
    case FRAME_END:
        return good_end;
    case FRAME_ERROR:
        return good_error;
    default:
        return "";
    }
}

static void check_order(const frame_type_t *frames, size_t count)
{
    cleanup_cell cell_t c;
    cleanup_buf buf_t out = BUF_INIT(10000);
    for (size_t i = 0; i < count; i++)
        frame_put(&out, frames[i], payload_of(frames[i]), strlen(payload_of(frames[i])));
    open_cell(&c);
    say(&c, out.data, out.len);
    int wanted = expected_end(frames, count);
    if (wanted == STILL_OPEN) {
        assert_int_not_equal(c.session.state, SESSION_ENDED);
        hang_up(&c);
        wanted = SESSION_CLOSED;
    }
    expect_end(&c, (session_end_t)wanted);
}

static void every_order_of_up_to_four_frames_is_judged(void **state)
{
    (void)state;
    static const frame_type_t types[] = {FRAME_READY, FRAME_HEAD,  FRAME_BODY, FRAME_END,
                                         FRAME_ERROR, FRAME_HELLO, FRAME_INIT, FRAME_INVOKE};
    const size_t n = COUNT(types);
    for (size_t i = 0; i < n * n * n * n; i++) {
        const frame_type_t frames[] = {types[i / n / n / n], types[i / n / n % n], types[i / n % n],
                                       types[i % n]};
        // Once it has ended, one more frame stands for all that may follow.
        if (expected_end(frames, 3) == STILL_OPEN || frames[3] == types[0])
            check_order(frames, 4);
    }
    check_order(types, 0);
    for (size_t i = 0; i < n; i++)
        check_order(&types[i], 1);
}

static void what_comes_after_the_end_is_dropped(void **state)
{
    (void)state;
    static const struct {
        frame_type_t type;
        const char *payload;
    } late[] = {{FRAME_END, "{\"reusable\":false}"}, {FRAME_BODY, "more"}, {FRAME_HEAD, good_head},
                {FRAME_ERROR, good_error},           {FRAME_INIT, "x"},    {FRAME_END, "no json"}};
    for (size_t i = 0; i < COUNT(late); i++) {
        cleanup_cell cell_t c;
        cleanup_buf buf_t out = BUF_INIT(10000);
        frame_put(&out, FRAME_READY, good_ready, strlen(good_ready));
        frame_put(&out, FRAME_HEAD, good_head, strlen(good_head));
        frame_put(&out, FRAME_BODY, "first", 5);
        frame_put(&out, FRAME_END, good_end, strlen(good_end));
        frame_put(&out, late[i].type, late[i].payload, strlen(late[i].payload));
        open_cell(&c);
        say(&c, out.data, out.len);
        cell_session_step(&c.session, NULL);
        expect_end(&c, SESSION_ANSWERED);
        assert_string_equal(buf_str(&c.session.body), "first");
        assert_true(c.session.reusable);
    }
}

static void an_answer_may_be_cut_off_at_any_byte(void **state)
{
    (void)state;
    cleanup_buf buf_t out = BUF_INIT(10000);
    frame_put(&out, FRAME_READY, good_ready, strlen(good_ready));
    frame_put(&out, FRAME_HEAD, good_head, strlen(good_head));
    frame_put(&out, FRAME_BODY, "body", 4);
    frame_put(&out, FRAME_END, good_end, strlen(good_end));
    for (size_t len = 0; len <= out.len; len++) {
        cleanup_cell cell_t c;
        open_cell(&c);
        say(&c, out.data, len);
        hang_up(&c);
        expect_end(&c, len == out.len ? SESSION_ANSWERED : SESSION_CLOSED);
    }
}

static void a_length_over_its_limit_breaks_the_session(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\0\0\1\1\3", 5},         // READY of 257 bytes
        {"\0\1\0\1\6", 5},         // BODY of 64 KiB + 1
        {"\xff\xff\xff\xff\5", 5}, // HEAD of 4 GiB
        {"\0\0\0\0\0", 5},         // no such type
        {"\0\0\0\0\xff", 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_cell(&c);
        say(&c, cases[i].bytes, cases[i].len);
        expect_end(&c, SESSION_BROKEN);
    }
}

// ---- payloads

static void a_malformed_ready_breaks_the_session(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"script\":0}",
                                        "{\"script\":null}",
                                        "{\"script\":true}x",
                                        "{\"script\":true,\"more\":1}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_cell(&c);
        say_frame(&c, FRAME_READY, cases[i]);
        expect_end(&c, SESSION_BROKEN);
        assert_int_equal(c.session.ready_ns, 0);
    }
}

static void a_malformed_head_breaks_the_session(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "null",
        "[]",
        "\"\"",
        "{}",
        "{\"status\":200}",
        "{\"headers\":[]}",
        "{\"status\":199,\"headers\":[]}",
        "{\"status\":600,\"headers\":[]}",
        "{\"status\":101,\"headers\":[]}",
        "{\"status\":-200,\"headers\":[]}",
        "{\"status\":200.5,\"headers\":[]}",
        "{\"status\":\"200\",\"headers\":[]}",
        "{\"status\":1e99,\"headers\":[]}",
        "{\"status\":null,\"headers\":[]}",
        "{\"status\":200,\"headers\":{}}",
        "{\"status\":200,\"headers\":null}",
        "{\"status\":200,\"headers\":[],\"stream\":1}",
        "{\"status\":200,\"headers\":[],\"extra\":1}",
        "{\"status\":200,\"status\":201,\"headers\":[]}",
        "{\"status\":200,\"headers\":[]}{}",
        "{\"status\":200,\"headers\":[]",
        "{\"status\":200,\"headers\":[\"a\"]}",
        "{\"status\":200,\"headers\":[[]]}",
        "{\"status\":200,\"headers\":[[\"a\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",1]]}",
        "{\"status\":200,\"headers\":[[1,\"a\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",null]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"b\",\"c\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",[\"b\"]]]}",
        "{\"status\":200,\"headers\":[{\"a\":\"b\",\"c\":\"d\"}]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\xff\"]]}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_running(&c);
        say_frame(&c, FRAME_HEAD, cases[i]);
        expect_end(&c, SESSION_BROKEN);
        assert_null(c.session.headers);
    }
}

static void say_header(cell_t *c, const char *name, const char *value)
{
    char head[300];
    snprintf(head, sizeof head, "{\"status\":200,\"headers\":[[\"ok\",\"ok\"],[\"%s\",\"%s\"]]}",
             name, value);
    say_frame(c, FRAME_HEAD, head);
}

static void headers_cannot_be_injected(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "v"},         {"a b", "v"},      {"a:", "v"},       {"a\\r\\nb", "v"},
        {"a\\n", "v"},     {"a\\t", "v"},     {" a", "v"},       {"a\\u0000", "v"},
        {"a\\u007f", "v"}, {"\xc3\xa4", "v"}, {"a(", "v"},       {"a\\\"", "v"},
        {"a/b", "v"},      {"{a}", "v"},      {"a@b", "v"},      {"a", "v\\r\\nset-cookie: x"},
        {"a", "\\n"},      {"a", "\\r"},      {"a", "v\\u0000"}, {"a", "v\\u0001"},
        {"a", "\\u001f"},  {"a", "\\u007f"},  {"a", "\\b"},      {"a", "\\f"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_running(&c);
        say_header(&c, cases[i][0], cases[i][1]);
        expect_end(&c, SESSION_BROKEN);
    }
}

static void odd_but_legal_headers_pass(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "", ""},
        {"X-A_b.c~1!#$%&'*+-^`|", "v", "v"},
        {"a", "tab\\there", "tab\there"},
        {"a", "\xc3\xa4", "\xc3\xa4"},
        {"a", "\\\"quoted\\\"", "\"quoted\""},
        {"a", " v ", " v "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_running(&c);
        say_header(&c, cases[i][0], cases[i][1]);
        assert_int_equal(c.session.state, SESSION_ANSWERING);
        const cJSON *pair = cJSON_GetArrayItem(c.session.headers, 1);
        assert_string_equal(cJSON_GetArrayItem(pair, 0)->valuestring, cases[i][0]);
        assert_string_equal(cJSON_GetArrayItem(pair, 1)->valuestring, cases[i][2]);
    }
}

// A HEAD with one header, "a", of `len` copies of `piece`.
static void say_long_header(cell_t *c, const char *piece, size_t len)
{
    cleanup_buf buf_t head = BUF_INIT(1024 * 1024);
    buf_adds(&head, "{\"status\":200,\"headers\":[[\"a\",\"");
    for (size_t i = 0; i < len; i++)
        buf_adds(&head, piece);
    buf_adds(&head, "\"]]}");
    say_frame(c, FRAME_HEAD, buf_str(&head));
}

static void headers_are_capped_by_their_names_and_values(void **state)
{
    (void)state;
    static const char *const pieces[] = {"x", "\\\"", "\\u0078"}; // of one byte each, once read
    for (size_t i = 0; i < COUNT(pieces); i++) {
        // As \u escapes, 64 KiB and the rest of the JSON are more than a frame may hold.
        size_t most = i == 2 ? FRAME_HEADERS_MAX - 100 : FRAME_HEADERS_MAX - 1;
        cleanup_cell cell_t fits;
        open_running(&fits);
        say_long_header(&fits, pieces[i], most);
        assert_int_equal(fits.session.state, SESSION_ANSWERING);
    }
    for (size_t i = 0; i < 2; i++) {
        cleanup_cell cell_t over;
        open_running(&over);
        say_long_header(&over, pieces[i], FRAME_HEADERS_MAX);
        expect_end(&over, SESSION_FAILED);
        assert_string_equal(over.session.error_type, "ResponseTooLarge");
    }
}

static void a_malformed_end_breaks_the_session(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "true",
                                        "[]",
                                        "{\"reusable\":1}",
                                        "{\"reusable\":null}",
                                        "{\"reusable\":true",
                                        "{\"other\":true}",
                                        "{}{}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_answering(&c);
        say_frame(&c, FRAME_END, cases[i]);
        expect_end(&c, SESSION_BROKEN);
        assert_false(c.session.reusable);
    }
    cleanup_cell cell_t c;
    open_answering(&c);
    say_frame(&c, FRAME_END, "{}");
    expect_end(&c, SESSION_ANSWERED);
    assert_false(c.session.reusable); // only what says so is
}

static void a_malformed_error_breaks_the_session(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "{\"type\":\"E\"}",
        "{\"message\":\"m\"}",
        "{\"type\":\"\",\"message\":\"m\"}",
        "{\"type\":null,\"message\":\"m\"}",
        "{\"type\":\"E\",\"message\":null}",
        "{\"type\":1,\"message\":\"m\"}",
        "{\"type\":\"E\",\"message\":\"m\",\"stack\":1}",
        "{\"type\":\"E\",\"message\":\"\\u0000\"}",
        "{\"type\":\"E\",\"message\":\"\\ud800\"}",
        "{\"type\":\"E\",\"message\":\"m\",\"code\":1}",
        "{\"type\":\"E\",\"message\":\"m",
        "{\"type\":\"E\",\"type\":\"F\",\"message\":\"m\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_cell cell_t c;
        open_running(&c);
        say_frame(&c, FRAME_ERROR, cases[i]);
        expect_end(&c, SESSION_BROKEN);
    }
    char type[202], error[300];
    memset(type, 'E', 201);
    type[201] = '\0';
    snprintf(error, sizeof error, "{\"type\":\"%s\",\"message\":\"m\"}", type);
    cleanup_cell cell_t c;
    open_running(&c);
    say_frame(&c, FRAME_ERROR, error);
    expect_end(&c, SESSION_BROKEN);
}

static void an_error_is_taken_in_every_state(void **state)
{
    (void)state;
    void (*const open_in[])(cell_t *) = {open_cell, open_running, open_answering};
    for (size_t i = 0; i < COUNT(open_in); i++) {
        cleanup_cell cell_t c;
        open_in[i](&c);
        say_frame(&c, FRAME_ERROR,
                  "{\"type\":\"TypeError\",\"message\":\"\",\"stack\":\"at function.py:1\"}");
        expect_end(&c, SESSION_FAILED);
        assert_string_equal(c.session.error_type, "TypeError");
        assert_string_equal(c.session.error_message, "");
        assert_string_equal(c.session.error_stack, "at function.py:1");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_goes_through_all_states),
        cmocka_unit_test(every_order_of_up_to_four_frames_is_judged),
        cmocka_unit_test(what_comes_after_the_end_is_dropped),
        cmocka_unit_test(an_answer_may_be_cut_off_at_any_byte),
        cmocka_unit_test(a_length_over_its_limit_breaks_the_session),
        cmocka_unit_test(a_malformed_ready_breaks_the_session),
        cmocka_unit_test(a_malformed_head_breaks_the_session),
        cmocka_unit_test(headers_cannot_be_injected),
        cmocka_unit_test(odd_but_legal_headers_pass),
        cmocka_unit_test(headers_are_capped_by_their_names_and_values),
        cmocka_unit_test(a_malformed_end_breaks_the_session),
        cmocka_unit_test(a_malformed_error_breaks_the_session),
        cmocka_unit_test(an_error_is_taken_in_every_state),
    };
    return RUN_TESTS(tests);
}
