#include "http/request.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "http/header.h"
#include "support.h"

#define cleanup_request __attribute__((cleanup(request_free)))

// Parses a GET of the URI with up to four more variables, and splits its path.
static int parse(request_t *r, const char *uri, const char *more[4], err_t *err)
{
    char line[8192];
    snprintf(line, sizeof line, "REQUEST_URI=%s", uri);
    const char *variables[] = {
        "REQUEST_METHOD=GET", line, more ? more[0] : NULL, more ? more[1] : NULL, NULL, NULL, NULL};
    if (more && more[1]) {
        variables[4] = more[2];
        variables[5] = more[2] ? more[3] : NULL;
    }
    int result = request_parse(r, variables, err);
    return result < 0 ? result : request_split_path(r, err);
}

static void path_is_split_and_decoded_once(void **state)
{
    (void)state;
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/fn/a%20b/%25%32%30/%C3%BC?x=1", NULL, &err));
    assert_string_equal(r.method, "GET");
    assert_string_equal(r.path, "/fn/a%20b/%25%32%30/%C3%BC");
    assert_string_equal(r.raw_query, "x=1");
    assert_int_equal(r.segment_count, 4);
    assert_string_equal(r.segments[0], "fn");
    assert_string_equal(r.segments[1], "a b");
    assert_string_equal(r.segments[2], "%20");
    assert_string_equal(r.segments[3], "ü");
}

static void empty_segments_stay(void **state)
{
    (void)state;
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/api//functions/", NULL, &err));
    assert_int_equal(r.segment_count, 4);
    assert_string_equal(r.segments[1], "");
    assert_string_equal(r.segments[3], "");
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "",         "a",        "*",       "/%",         "/%4",           "/%zz",
        "/a%00",    "/%ff",     "/%c0%af", "/%ed%a0%80", "/..",           "/a/../b",
        "/%2e%2e",  "/.",       "/%2E",    "/a%2fb",     "/a%2Fb",        "/a?x=%",
        "/a?%00=1", "/a?x=%fe", "/a?x=%e", "/\xff",      "/a?x=\xc0\xaf",
    };
    for (size_t i = 0; i < COUNT(uris); i++) {
        err_t err = {0};
        request_t r;
        int result = parse(&r, uris[i], NULL, &err);
        request_free(&r);
        if (result != -1 || err.code != ERR_BAD_REQUEST)
            fail_msg("%s was taken", uris[i]);
    }
}

static void three_dots_are_a_name(void **state)
{
    (void)state;
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/.../..a", NULL, &err));
    assert_string_equal(r.segments[0], "...");
}

static void query_is_a_list_in_order(void **state)
{
    (void)state;
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/f?a=1&b=x+y&a=%26&c&&=d&e==%3D", NULL, &err));
    static const char *const wanted[][2] = {{"a", "1"}, {"b", "x y"}, {"a", "&"},
                                            {"c", ""},  {"", "d"},    {"e", "=="}};
    assert_int_equal(r.query.count, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_string_equal(r.query.items[i].name, wanted[i][0]);
        assert_string_equal(r.query.items[i].value, wanted[i][1]);
    }
    assert_string_equal(request_query(&r, "a"), "1");
    assert_null(request_query(&r, "z"));
}

static void too_many_parameters_are_refused(void **state)
{
    (void)state;
    cleanup_buf buf_t uri = BUF_INIT(8000);
    buf_adds(&uri, "/f?");
    for (int i = 0; i <= PAIRS_MAX; i++)
        buf_adds(&uri, "a&");
    err_t err;
    cleanup_request request_t r;
    assert_fails(parse(&r, uri.data, NULL, &err), err, ERR_BAD_REQUEST);
}

static void headers_get_their_names_back(void **state)
{
    (void)state;
    const char *more[4] = {"HTTP_X_MANY_WORDS=a", "HTTP_X_MANY_WORDS=b",
                           "HTTP_HOST=example.org:8080", "HTTP_PROXY=http://evil/"};
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/", more, &err));
    assert_string_equal(request_header(&r, "x-many-words"), "a");
    assert_int_equal(r.headers.count, 3);
    assert_string_equal(r.headers.items[1].value, "b");
    assert_string_equal(r.host, "example.org:8080");
    assert_null(request_header(&r, "proxy"));
}

static void header_bytes_become_utf8(void **state)
{
    (void)state;
    const char *more[4] = {"HTTP_X_NAME=Zo\xeb", "HTTP_X_OTHER=Zo\xc3\xab", NULL, NULL};
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/", more, &err));
    assert_string_equal(request_header(&r, "x-name"), "Zoë");
    assert_string_equal(request_header(&r, "x-other"), "Zoë");
}

static void cookies_are_taken_apart(void **state)
{
    (void)state;
    const char *more[4] = {"HTTP_COOKIE=a=1; b=x=y ;; c ; =d;e=", "HTTP_COOKIE=f=6", NULL, NULL};
    static const char *const wanted[][2] = {{"a", "1"}, {"b", "x=y"}, {"e", ""}, {"f", "6"}};
    err_t err;
    cleanup_request request_t r;
    assert_ok(parse(&r, "/", more, &err));
    assert_int_equal(r.cookies.count, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_string_equal(r.cookies.items[i].name, wanted[i][0]);
        assert_string_equal(r.cookies.items[i].value, wanted[i][1]);
    }
}

static void lengths_are_strict(void **state)
{
    (void)state;
    static const char *const lengths[] = {"CONTENT_LENGTH=-1", "CONTENT_LENGTH=1x",
                                          "CONTENT_LENGTH=99999999999999999999"};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const char *more[4] = {lengths[i], NULL, NULL, NULL};
        err_t err;
        cleanup_request request_t r;
        assert_fails(parse(&r, "/", more, &err), err, ERR_BAD_REQUEST);
    }
}

// ---- bodies

typedef struct {
    const char *data;
    size_t left, step;
    bool breaks;
} feed_t;

static long feed(void *ctx, char *data, size_t len)
{
    feed_t *f = ctx;
    if (!f->left)
        return f->breaks ? -1 : 0;
    size_t n = f->step < len ? f->step : len;
    n = n < f->left ? n : f->left;
    memcpy(data, f->data, n);
    f->data += n;
    f->left -= n;
    return (long)n;
}

static int read_body(const char *text, size_t announced, size_t cap, bool breaks, err_t *err)
{
    char length[40];
    snprintf(length, sizeof length, "CONTENT_LENGTH=%zu", announced);
    const char *more[4] = {length, NULL, NULL, NULL};
    cleanup_request request_t r;
    assert_ok(parse(&r, "/", more, err));
    if (announced == SIZE_MAX)
        r.content_length = -1;
    feed_t f = {.data = text, .left = strlen(text), .step = 3, .breaks = breaks};
    r.source = (body_source_t){.read = feed, .ctx = &f};
    int result = request_read_body(&r, cap, err);
    if (result == 0)
        assert_string_equal(buf_str(&r.body), text);
    return result;
}

static void bodies_are_read_whole_or_refused(void **state)
{
    (void)state;
    err_t err;
    assert_ok(read_body("", 0, 10, false, &err));
    assert_ok(read_body("0123456789", 10, 10, false, &err));
    assert_fails(read_body("0123456789", 10, 9, false, &err), err, ERR_TOO_LARGE);
    assert_fails(read_body("01234", 10, 10, false, &err), err, ERR_CLOSED);
    assert_fails(read_body("01234", 10, 10, true, &err), err, ERR_CLOSED);
    assert_fails(read_body("0123456789", 9, 10, false, &err), err, ERR_BAD_REQUEST);
    assert_fails(read_body("0", 0, 10, false, &err), err, ERR_BAD_REQUEST);
}

static void no_body_takes_no_memory_to_speak_of(void **state)
{
    (void)state;
    err_t err;
    static const char *const lengths[] = {"CONTENT_LENGTH=", "CONTENT_LENGTH=0"};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const char *more[4] = {lengths[i], NULL, NULL, NULL};
        cleanup_request request_t r;
        assert_ok(parse(&r, "/", more, &err));
        feed_t f = {.data = "", .step = 3};
        r.source = (body_source_t){.read = feed, .ctx = &f};
        assert_ok(request_read_body(&r, 6 << 20, &err));
        assert_true(r.body.cap <= 4096);
    }
}

static void bodies_of_unknown_length_too(void **state)
{
    (void)state;
    err_t err;
    for (size_t cap = 0; cap < 12; cap++) {
        cleanup_request request_t r;
        assert_ok(parse(&r, "/", NULL, &err));
        feed_t f = {.data = "0123456789", .left = 10, .step = 4};
        r.source = (body_source_t){.read = feed, .ctx = &f};
        if (cap >= 10)
            assert_ok(request_read_body(&r, cap, &err));
        else
            assert_fails(request_read_body(&r, cap, &err), err, ERR_TOO_LARGE);
    }
}

static void media_types(void **state)
{
    (void)state;
    assert_true(media_type_is("application/json", "application/json"));
    assert_true(media_type_is("Application/JSON; charset=utf-8", "application/json"));
    assert_false(media_type_is("application/jsonx", "application/json"));
    assert_false(media_type_is("", "application/json"));
    assert_true(media_type_is_json("application/problem+json;x=y"));
    assert_false(media_type_is_json("text/plain; a=+json"));
    assert_true(media_type_is_text("text/csv"));
    assert_true(media_type_is_text("image/svg+xml"));
    assert_false(media_type_is_text("application/octet-stream"));
    assert_true(accept_names("text/html, application/x-ndjson;q=0.9", "application/x-ndjson"));
    assert_false(accept_names("*/*", "application/x-ndjson"));
    assert_false(accept_names("", "application/x-ndjson"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_split_and_decoded_once),
        cmocka_unit_test(empty_segments_stay),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(three_dots_are_a_name),
        cmocka_unit_test(query_is_a_list_in_order),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(headers_get_their_names_back),
        cmocka_unit_test(header_bytes_become_utf8),
        cmocka_unit_test(cookies_are_taken_apart),
        cmocka_unit_test(lengths_are_strict),
        cmocka_unit_test(bodies_are_read_whole_or_refused),
        cmocka_unit_test(no_body_takes_no_memory_to_speak_of),
        cmocka_unit_test(bodies_of_unknown_length_too),
        cmocka_unit_test(media_types),
    };
    return RUN_TESTS(tests);
}
