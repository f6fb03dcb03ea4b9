#include "service/event.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/str.h"
#include "support.h"

#define TOKEN "cl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

typedef struct {
    request_t request;
    event_input_t input;
    cJSON *event, *context; // of input.event and input.request
} made_t;

static const route_params_t no_params;

// A POST of the body, or a GET without one, with the headers given as variables.
static int make(made_t *m, event_t mode, const char *uri, const char *type, const char *body,
                size_t len, const char *const headers[], const route_params_t *params, err_t *err)
{
    char uri_text[1024], type_text[256];
    snprintf(uri_text, sizeof uri_text, "REQUEST_URI=%s", uri);
    snprintf(type_text, sizeof type_text, "CONTENT_TYPE=%s", type);
    const char *variables[16] = {body ? "REQUEST_METHOD=POST" : "REQUEST_METHOD=GET",
                                 uri_text,
                                 type_text,
                                 "REMOTE_ADDR=192.0.2.7",
                                 "SERVER_PROTOCOL=HTTP/1.1",
                                 "HTTP_HOST=api.example.org:8443",
                                 "HTTP_USER_AGENT=test/1"};
    for (size_t i = 0; headers && headers[i]; i++)
        variables[7 + i] = headers[i];
    *m = (made_t){0};
    assert_ok(request_parse(&m->request, variables, err));
    m->request.arrived_us = 1584039838123000; // 2020-03-12T19:03:58.123Z
    m->request.body = BUF_INIT(1 << 23);
    if (body)
        buf_add(&m->request.body, body, len);
    const function_t f = {.id = "01926f5c-7d3e-7a10-8000-0123456789ab", .event = mode};
    int result = event_from_request(&f, &m->request, m->request.method, params, &m->input, err);
    if (result < 0)
        return result;
    m->event = m->input.event ? cJSON_Parse(m->input.event) : NULL;
    m->context = cJSON_Parse(m->input.request);
    assert_non_null(m->context);
    return 0;
}

static void unmake(made_t *m)
{
    cJSON_Delete(m->event);
    cJSON_Delete(m->context);
    event_input_free(&m->input);
    request_free(&m->request);
}

#define cleanup_made __attribute__((cleanup(unmake)))

static int make_body(made_t *m, const char *type, const char *body, err_t *err)
{
    return make(m, EVENT_INPUT, "/fn/f?q=1", type, body, strlen(body), NULL, &no_params, err);
}

static void assert_json(const cJSON *tree, const char *wanted)
{
    char *text = cJSON_PrintUnformatted(tree);
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static const cJSON *at(const cJSON *tree, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(tree, name);
}

// ---- mode input

static void without_a_body_the_query_is_the_event(void **state)
{
    (void)state;
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_INPUT, "/fn/f?a=1&b=2&a=3&c", "", NULL, 0, NULL, &no_params, &err));
    assert_int_equal(m.input.source, EVENT_VALUE);
    assert_json(m.event, "{\"a\":[\"1\",\"3\"],\"b\":\"2\",\"c\":\"\"}");
}

static void without_anything_the_event_is_an_empty_object(void **state)
{
    (void)state;
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_INPUT, "/fn/f", "", NULL, 0, NULL, &no_params, &err));
    assert_json(m.event, "{}");
}

static void bodies_are_taken_by_their_type(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        event_source_t source;
    } cases[] = {
        {"application/json", "{\"a\":1}", EVENT_JSON},
        {"application/ld+json; charset=utf-8", "[1]", EVENT_JSON},
        {"text/plain", "text", EVENT_TEXT},
        {"text/html; charset=utf-8", "<b>", EVENT_TEXT},
        {"", "text", EVENT_TEXT},
        {"", "\xff", EVENT_BYTES},
        {"text/plain", "\xff", EVENT_BYTES},
        {"application/octet-stream", "text", EVENT_BYTES},
        {"multipart/form-data; boundary=x", "--x--", EVENT_BYTES},
        {"application/x-www-form-urlencoded", "a=1", EVENT_VALUE},
        {"application/x-www-form-urlencoded", " {\"a\":1}", EVENT_JSON},
        {"application/x-www-form-urlencoded", "[1]", EVENT_JSON},
        {"application/x-www-form-urlencoded", "{", EVENT_VALUE},
        {"application/x-www-form-urlencoded", "5", EVENT_VALUE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        err_t err;
        cleanup_made made_t m;
        assert_ok(make_body(&m, cases[i].type, cases[i].body, &err));
        if (m.input.source != cases[i].source)
            fail_msg("%s %s: %d", cases[i].type, cases[i].body, (int)m.input.source);
    }
}

static void forms_become_objects(void **state)
{
    (void)state;
    err_t err;
    cleanup_made made_t m;
    assert_ok(make_body(&m, "application/x-www-form-urlencoded", "a=x+y&b=%C3%BC&b=&c", &err));
    assert_json(m.event, "{\"a\":\"x y\",\"b\":[\"ü\",\"\"],\"c\":\"\"}");
}

static void what_is_no_json_or_no_form_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        err_code_t code;
    } cases[] = {
        {"application/json", "{", ERR_INVALID_JSON},
        {"application/json", "{} {}", ERR_INVALID_JSON},
        {"application/json", "{\"a\":NaN}", ERR_INVALID_JSON},
        {"application/x-www-form-urlencoded", "a=%zz", ERR_BAD_REQUEST},
        {"application/x-www-form-urlencoded", "a=%00", ERR_BAD_REQUEST},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        err_t err;
        cleanup_made made_t m;
        assert_fails(make_body(&m, cases[i].type, cases[i].body, &err), err, cases[i].code);
    }
}

// ---- context.request

static void the_request_is_told(void **state)
{
    (void)state;
    static const char *const headers[] = {"HTTP_X_A=1", "HTTP_COOKIE=a=1; b=2; a=3", "HTTP_X_A=2",
                                          NULL};
    static const route_params_t params = {
        .items = {{"id", 2, "7"}, {"*", 1, "x/y"}},
        .count = 2,
    };
    err_t err;
    cleanup_made made_t m;
    assert_ok(
        make(&m, EVENT_INPUT, "/fn/f/7/x/y?q=%20", "text/plain", "t", 1, headers, &params, &err));
    assert_json(
        m.context,
        "{\"method\":\"POST\",\"path\":\"/fn/f/7/x/y\",\"params\":{\"id\":\"7\",\"*\":\"x/y\"},"
        "\"query\":{\"q\":\" \"},\"headers\":{\"host\":\"api.example.org:8443\","
        "\"user-agent\":\"test/1\",\"x-a\":\"1,2\",\"content-type\":\"text/plain\","
        "\"cookie\":\"a=1; b=2; a=3\"},\"cookies\":{\"a\":\"1\",\"b\":\"2\"}}");
}

static void our_secrets_stay_with_us(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "HTTP_AUTHORIZATION=Bearer " TOKEN,
        "HTTP_X_TOKEN=" TOKEN,
        "HTTP_X_LIST=a, " TOKEN,
        "HTTP_COOKIE=cloche_session=s3cret; a=1; __Host-cloche=s3cret; t=" TOKEN,
        "HTTP_X_FINE=cl_short",
        NULL,
    };
    for (int mode = EVENT_INPUT; mode <= EVENT_HTTP; mode++) {
        err_t err;
        cleanup_made made_t m;
        assert_ok(make(&m, (event_t)mode, "/fn/f", "", NULL, 0, headers, &no_params, &err));
        const char *texts[] = {m.input.event, m.input.request};
        for (size_t i = 0; i < COUNT(texts); i++) {
            assert_null(strstr(texts[i], "cl_AAAA"));
            assert_null(strstr(texts[i], "s3cret"));
            assert_null(strstr(texts[i], "uthorization"));
        }
        assert_contains(m.input.request, "\"x-fine\":\"cl_short\"");
        assert_contains(m.input.request, "\"cookies\":{\"a\":\"1\"}");
    }
}

static void logins_of_the_function_pass(void **state)
{
    (void)state;
    static const char *const values[] = {"Basic dXNlcjpwYXNz", "Bearer eyJ0.cl_x.y",
                                         "Bearer other"};
    for (size_t i = 0; i < COUNT(values); i++) {
        char line[80];
        snprintf(line, sizeof line, "HTTP_AUTHORIZATION=%s", values[i]);
        const char *const headers[] = {line, NULL};
        err_t err;
        cleanup_made made_t m;
        assert_ok(make(&m, EVENT_INPUT, "/fn/f", "", NULL, 0, headers, &no_params, &err));
        assert_contains(m.input.request, values[i]);
    }
    static const char *const broken[] = {"HTTP_AUTHORIZATION=Bearer cl_almost", NULL};
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_INPUT, "/fn/f", "", NULL, 0, broken, &no_params, &err));
    assert_null(strstr(m.input.request, "almost"));
}

// ---- mode http

static void the_payload_is_lambdas(void **state)
{
    (void)state;
    static const char *const headers[] = {"HTTP_X_A=1", "HTTP_COOKIE=c1=v1; c2=v2", "HTTP_X_A=2",
                                          NULL};
    static const route_params_t params = {.items = {{"id", 2, "7"}}, .count = 1};
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_HTTP, "/fn/f/7?a=1&a=2&b=%20", "text/plain", "héllo", 6, headers,
                   &params, &err));
    char wanted[2048];
    snprintf(wanted, sizeof wanted,
             "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/fn/f/7\","
             "\"rawQueryString\":\"a=1&a=2&b=%%20\",\"cookies\":[\"c1=v1\",\"c2=v2\"],"
             "\"headers\":{\"host\":\"api.example.org:8443\",\"user-agent\":\"test/1\","
             "\"x-a\":\"1,2\",\"content-type\":\"text/plain\"},"
             "\"queryStringParameters\":{\"a\":\"1,2\",\"b\":\" \"},"
             "\"requestContext\":{\"accountId\":\"anonymous\","
             "\"apiId\":\"01926f5c-7d3e-7a10-8000-0123456789ab\","
             "\"domainName\":\"api.example.org\",\"domainPrefix\":\"api\","
             "\"http\":{\"method\":\"POST\",\"path\":\"/fn/f/7\",\"protocol\":\"HTTP/1.1\","
             "\"sourceIp\":\"192.0.2.7\",\"userAgent\":\"test/1\"},\"requestId\":\"%s\","
             "\"routeKey\":\"$default\",\"stage\":\"$default\","
             "\"time\":\"12/Mar/2020:19:03:58 +0000\",\"timeEpoch\":1584039838123},"
             "\"pathParameters\":{\"id\":\"7\"},\"body\":\"héllo\",\"isBase64Encoded\":false}",
             m.request.id);
    assert_string_equal(m.input.event, wanted);
}

static void what_is_not_there_is_left_out(void **state)
{
    (void)state;
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_HTTP, "/fn/f", "", NULL, 0, NULL, &no_params, &err));
    static const char *const absent[] = {"cookies", "queryStringParameters", "pathParameters",
                                         "body"};
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_null(at(m.event, absent[i]));
    assert_string_equal(at(m.event, "rawQueryString")->valuestring, "");
    assert_true(cJSON_IsFalse(at(m.event, "isBase64Encoded")));
}

static void assert_body(const char *type, const char *body, size_t len, const char *wanted,
                        bool base64)
{
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_HTTP, "/fn/f", type, body, len, NULL, &no_params, &err));
    assert_string_equal(at(m.event, "body")->valuestring, wanted);
    assert_int_equal(cJSON_IsTrue(at(m.event, "isBase64Encoded")), base64);
}

static void bodies_are_text_or_base64(void **state)
{
    (void)state;
    assert_body("application/octet-stream", "\x00\xff\xfe\n", 4, "AP/+Cg==", true);
    assert_body("application/x-www-form-urlencoded", "a=1", 3, "YT0x", true);
    assert_body("application/json", "{", 1, "{", false);
    assert_body("text/plain", "\xff", 1, "/w==", true);
    assert_body("", "text", 4, "text", false);
    char control[400];
    memset(control, 1, sizeof control);
    err_t err;
    cleanup_made made_t m;
    assert_ok(make(&m, EVENT_HTTP, "/fn/f", "text/plain", control, sizeof control, NULL, &no_params,
                   &err));
    assert_true(cJSON_IsTrue(at(m.event, "isBase64Encoded")));
}

static void hosts_have_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *host, *domain, *prefix;
    } cases[] = {
        {"localhost:8080", "localhost", "localhost"},
        {"a.b", "a.b", "a"},
        {"[::1]:8080", "[::1]", "[::1]"},
        {"", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        err_t err;
        made_t m;
        assert_ok(make(&m, EVENT_HTTP, "/fn/f", "", NULL, 0, NULL, &no_params, &err));
        m.request.host = cases[i].host;
        event_input_free(&m.input);
        const function_t f = {.event = EVENT_HTTP};
        assert_ok(event_from_request(&f, &m.request, "GET", &no_params, &m.input, &err));
        cJSON_Delete(m.event);
        m.event = cJSON_Parse(m.input.event);
        const cJSON *context = at(m.event, "requestContext");
        assert_string_equal(at(context, "domainName")->valuestring, cases[i].domain);
        assert_string_equal(at(context, "domainPrefix")->valuestring, cases[i].prefix);
        unmake(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_body_the_query_is_the_event),
        cmocka_unit_test(without_anything_the_event_is_an_empty_object),
        cmocka_unit_test(bodies_are_taken_by_their_type),
        cmocka_unit_test(forms_become_objects),
        cmocka_unit_test(what_is_no_json_or_no_form_is_refused),
        cmocka_unit_test(the_request_is_told),
        cmocka_unit_test(our_secrets_stay_with_us),
        cmocka_unit_test(logins_of_the_function_pass),
        cmocka_unit_test(the_payload_is_lambdas),
        cmocka_unit_test(what_is_not_there_is_left_out),
        cmocka_unit_test(bodies_are_text_or_base64),
        cmocka_unit_test(hosts_have_a_domain),
    };
    return RUN_TESTS(tests);
}
