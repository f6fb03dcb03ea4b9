#include "api/policy.h"

#include "base/str.h"
#include "support.h"

static int nowhere(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 0;
}

static int no_flush(void *ctx)
{
    (void)ctx;
    return 0;
}

static const response_sink_t sink = {nowhere, no_flush, NULL};

static void headers_that_never_pass(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Status",
        "X-Accel-Redirect",
        "x-accel-anything",
        "Content-Length",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Strict-Transport-Security",
        "Clear-Site-Data",
        "Service-Worker-Allowed",
        "X-Request-Id",
        "X-Cloche-Start",
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (policy_passes(names[i], false) || policy_passes(names[i], true))
            fail_msg("%s passes", names[i]);
}

static void headers_that_need_a_host_of_their_own(void **state)
{
    (void)state;
    static const char *const names[] = {"Set-Cookie",
                                        "SET-COOKIE",
                                        "Content-Security-Policy",
                                        "Content-Security-Policy-Report-Only",
                                        "Alt-Svc",
                                        "NEL"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_false(policy_passes(names[i], false));
        assert_true(policy_passes(names[i], true));
    }
}

static void other_headers_pass(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Content-Type", "Location", "Cache-Control", "X-Mine", "Access-Control-Allow-Origin",
        "ETag",         "Vary"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(policy_passes(names[i], false) && policy_passes(names[i], true));
}

static void answers_on_the_shared_host_are_sandboxed(void **state)
{
    (void)state;
    cleanup_json cJSON *headers =
        cJSON_Parse("[[\"Set-Cookie\",\"a=1\"],[\"X-A\",\"1\"],[\"X-A\",\"2\"],"
                    "[\"Content-Security-Policy\",\"default-src *\"]]");
    response_t r;
    response_init(&r, sink);
    policy_headers(&r, headers, false);
    assert_null(strstr(r.headers.data, "a=1"));
    assert_null(strstr(r.headers.data, "default-src"));
    assert_null(strstr(r.headers.data, "allow-same-origin"));
    assert_contains(r.headers.data, "X-A: 1\r\nX-A: 2\r\n");
    assert_contains(r.headers.data, "Content-Security-Policy: sandbox ");
    assert_contains(r.headers.data, "X-Content-Type-Options: nosniff\r\n");

    response_reset(&r);
    policy_headers(&r, headers, true);
    assert_string_equal(r.headers.data, "Set-Cookie: a=1\r\nX-A: 1\r\nX-A: 2\r\n"
                                        "Content-Security-Policy: default-src *\r\n");
    response_free(&r);
}

static void what_a_cell_sends_cannot_break_the_head(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "[[\"X\",\"a\\r\\nY: b\"]]",
        "[[\"X\\nY\",\"a\"]]",
        "[[\"X\"]]",
        "[[1,2]]",
        "{}",
        "[5]",
        "no",
        "[[\"X\",null]]",
        "[\"X\",\"Y\"]",
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        response_t r;
        response_init(&r, sink);
        cleanup_json cJSON *pairs = cJSON_Parse(headers[i]);
        policy_headers(&r, pairs, true);
        assert_int_equal(r.headers.len, 0);
        response_free(&r);
    }
}

static void hosts_are_told_apart(void **state)
{
    (void)state;
    static config_t config = {.function_host = "fn.example.org"}, shared;
    static const struct {
        const char *host;
        bool own;
    } cases[] = {
        {"fn.example.org", true},          {"FN.example.org", true}, {"fn.example.org:8080", true},
        {"fn.example.org.evil", false},    {"example.org", false},   {"", false},
        {"fn.example.org:80.evil", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const request_t r = {.host = cases[i].host};
        assert_int_equal(policy_own_host(&config, &r), cases[i].own);
        assert_false(policy_own_host(&shared, &r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_never_pass),
        cmocka_unit_test(headers_that_need_a_host_of_their_own),
        cmocka_unit_test(other_headers_pass),
        cmocka_unit_test(answers_on_the_shared_host_are_sandboxed),
        cmocka_unit_test(what_a_cell_sends_cannot_break_the_head),
        cmocka_unit_test(hosts_are_told_apart),
    };
    return RUN_TESTS(tests);
}
