#include "api/problem.h"

#include <fcntl.h>

#include "base/cleanup.h"
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
static const request_t request = {
    .id = "01926f5c-7d3e-7a10-8000-0123456789ab", .method = "GET", .path = "/api/x"};

static void every_code_has_a_status(void **state)
{
    (void)state;
    static const struct {
        err_code_t code;
        int status;
    } wanted[] = {
        {ERR_INTERNAL, 500},     {ERR_BAD_REQUEST, 400},  {ERR_INVALID, 422},
        {ERR_INVALID_JSON, 400}, {ERR_UNAUTHORIZED, 401}, {ERR_FORBIDDEN, 403},
        {ERR_NOT_FOUND, 404},    {ERR_NAME_TAKEN, 409},   {ERR_ROUTE_TAKEN, 409},
        {ERR_STALE, 412},        {ERR_TOO_LARGE, 413},    {ERR_UNSUPPORTED, 415},
        {ERR_METHOD, 405},       {ERR_TOO_MANY, 429},     {ERR_NO_ROUTE, 404},
        {ERR_DISABLED, 503},     {ERR_UNAVAILABLE, 503},  {ERR_TIMEOUT, 503},
        {ERR_LIMIT, 500},        {ERR_PROTOCOL, 500},     {ERR_NONE, 500},
    };
    for (size_t i = 0; i < COUNT(wanted); i++)
        assert_int_equal(problem_status(wanted[i].code), wanted[i].status);
#define X(name, text) assert_in_range(problem_status(name), 400, 503);
    ERR_CODES(X)
#undef X
}

static void a_problem_names_code_fields_and_request(void **state)
{
    (void)state;
    response_t r;
    response_init(&r, sink);
    buf_adds(&r.body, "half an answer");
    err_t err;
    field_errors_t errors = {0};
    err_set(&err, ERR_INVALID, "name: must be \"short\"");
    field_errors_add(&errors, "name", "must be \"short\"");
    problem_answer(&r, &request, &err, &errors, 0);
    assert_int_equal(r.status, 422);
    assert_string_equal(r.headers.data, "Content-Type: application/problem+json\r\n");
    assert_string_equal(
        r.body.data,
        "{\"type\":\"urn:cloche:problem:invalid\",\"title\":\"The request breaks a rule\","
        "\"status\":422,\"code\":\"invalid\",\"detail\":\"name: must be \\\"short\\\"\","
        "\"errors\":[{\"field\":\"name\",\"message\":\"must be \\\"short\\\"\"}],"
        "\"request_id\":\"01926f5c-7d3e-7a10-8000-0123456789ab\"}");
    response_free(&r);
}

static void affairs_of_the_house_stay_inside(void **state)
{
    (void)state;
    static const err_code_t codes[] = {ERR_INTERNAL, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_PROTOCOL,
                                       ERR_LIMIT};
    int log_fd = dup(STDERR_FILENO);
    cleanup_close int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null_fd, STDERR_FILENO);
    for (size_t i = 0; i < COUNT(codes); i++) {
        response_t r;
        response_init(&r, sink);
        err_t err;
        err_set(&err, codes[i], "mysql://root:s3cret@db");
        problem_answer(&r, &request, &err, NULL, 0);
        assert_null(strstr(r.body.data, "s3cret"));
        response_free(&r);
    }
    dup2(log_fd, STDERR_FILENO);
    close(log_fd);
}

static void headers_tell_what_to_do(void **state)
{
    (void)state;
    static const struct {
        err_code_t code;
        const char *header;
    } cases[] = {{ERR_UNAUTHORIZED, "WWW-Authenticate: Bearer realm=\"cloche\"\r\n"},
                 {ERR_TOO_MANY, "Retry-After: 1\r\n"},
                 {ERR_DISABLED, "Retry-After: 1\r\n"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        response_t r;
        response_init(&r, sink);
        const err_t err = {.code = cases[i].code};
        problem_answer(&r, &request, &err, NULL, 0);
        assert_contains(r.headers.data, cases[i].header);
        response_free(&r);
    }
}

static void failed_calls_are_told_by_kind(void **state)
{
    (void)state;
    static const struct {
        invocation_status_t status;
        const char *type;
        int http_status;
        const char *code;
    } cases[] = {
        {INVOCATION_ERROR, "ValueError", 500, "function_error"},
        {INVOCATION_ERROR, "HandlerNotFound", 500, "function_error"},
        {INVOCATION_ERROR, "ExitCode", 500, "function_error"},
        {INVOCATION_ERROR, "BadResponse", 502, "bad_response"},
        {INVOCATION_ERROR, "ResponseTooLarge", 502, "response_too_large"},
        {INVOCATION_CRASH, "Exit", 502, "function_crashed"},
        {INVOCATION_CRASH, "Protocol", 502, "function_crashed"},
        {INVOCATION_OOM, "OutOfMemory", 502, "out_of_memory"},
        {INVOCATION_TIMEOUT, "Timeout", 504, "timeout"},
        {INVOCATION_REJECTED, "NoCapacity", 503, "no_capacity"},
        {INVOCATION_REJECTED, "TooManyRequests", 429, "too_many_requests"},
        {INVOCATION_REJECTED, "RuntimeUnavailable", 503, "runtime_unavailable"},
        {INVOCATION_CANCELLED, "ClientClosed", 499, "client_closed"},
        {INVOCATION_ERROR, NULL, 500, "function_error"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char type[32] = "", message[] = "s3cret", stack[] = "s3cret", wanted[64];
        if (cases[i].type)
            snprintf(type, sizeof type, "%s", cases[i].type);
        const invocation_t record = {.status = cases[i].status,
                                     .error_type = cases[i].type ? type : NULL,
                                     .error_message = message,
                                     .error_stack = stack};
        response_t r;
        response_init(&r, sink);
        problem_outcome(&r, &request, &record);
        snprintf(wanted, sizeof wanted, "\"code\":\"%s\"", cases[i].code);
        assert_int_equal(r.status, cases[i].http_status);
        assert_int_equal(problem_outcome_status(&record), cases[i].http_status);
        assert_contains(r.body.data, wanted);
        assert_null(strstr(r.body.data, "s3cret"));
        response_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status),
        cmocka_unit_test(a_problem_names_code_fields_and_request),
        cmocka_unit_test(affairs_of_the_house_stay_inside),
        cmocka_unit_test(headers_tell_what_to_do),
        cmocka_unit_test(failed_calls_are_told_by_kind),
    };
    return RUN_TESTS(tests);
}
