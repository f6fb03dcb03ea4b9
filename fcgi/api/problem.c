#include "api/problem.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

enum {
    BODY_MAX = 16 * 1024,
    CLIENT_CLOSED = 499,
    RETRY_AFTER_S = 1,
};

typedef struct {
    int status;
    const char *title;
    const char *detail; // NULL: what the error says
} problem_t;

static const problem_t problems[] = {
    [ERR_INTERNAL] = {500, "Something went wrong here", "The log has the reason."},
    [ERR_BAD_REQUEST] = {400, "The request is malformed", NULL},
    [ERR_INVALID] = {422, "The request breaks a rule", NULL},
    [ERR_INVALID_JSON] = {400, "The body is not valid JSON", NULL},
    [ERR_UNAUTHORIZED] = {401, "A login is needed", NULL},
    [ERR_FORBIDDEN] = {403, "The login does not allow this", NULL},
    [ERR_NOT_FOUND] = {404, "There is no such thing", "It does not exist, or it is not yours."},
    [ERR_NAME_TAKEN] = {409, "The name is taken", NULL},
    [ERR_ROUTE_TAKEN] = {409, "The route is taken", NULL},
    [ERR_LAST_ADMIN] = {409, "This is the last admin", NULL},
    [ERR_INPUT_NOT_KEPT] = {409, "The input of this call was not kept", NULL},
    [ERR_FUNCTION_GONE] = {409, "The function of this call was deleted", NULL},
    [ERR_STALE] = {412, "It has changed meanwhile", NULL},
    [ERR_TOO_LARGE] = {413, "The request is too large", NULL},
    [ERR_UNSUPPORTED] = {415, "The body is of another type than is taken here", NULL},
    [ERR_METHOD] = {405, "The method is not allowed here", NULL},
    [ERR_TOO_MANY] = {429, "Too many requests", NULL},
    [ERR_NO_ROUTE] = {404, "No function answers this path", NULL},
    [ERR_DISABLED] = {503, "The function is switched off", NULL},
    [ERR_UNAVAILABLE] = {503, "A part that is needed does not answer", "Try again in a moment."},
    [ERR_CLOSED] = {400, "The request ended early", NULL},
    [ERR_TIMEOUT] = {503, "A part that is needed does not answer", "Try again in a moment."},
    [ERR_LIMIT] = {500, "Something went wrong here", "The log has the reason."},
    [ERR_PROTOCOL] = {500, "Something went wrong here", "The log has the reason."},
};

static const problem_t *find(err_code_t code)
{
    const problem_t *p =
        (size_t)code < sizeof problems / sizeof problems[0] ? &problems[code] : NULL;
    return p && p->status ? p : &problems[ERR_INTERNAL];
}

int problem_status(err_code_t code)
{
    return find(code)->status;
}

static void put_errors(buf_t *out, const field_errors_t *errors)
{
    json_begin(out, "errors", '[');
    for (size_t i = 0; errors && i < errors->count; i++) {
        json_begin(out, NULL, '{');
        json_add_text(out, "field", errors->items[i].field);
        json_add_text(out, "message", errors->items[i].message);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void answer(response_t *response, const request_t *request, const problem_t *problem,
                   const char *code, const char *detail, const field_errors_t *errors,
                   int retry_after_s)
{
    char type[96];
    snprintf(type, sizeof type, "urn:cloche:problem:%s", code);
    buf_t *out = &response->body;
    buf_reset(out);
    json_begin(out, NULL, '{');
    json_add_text(out, "type", type);
    json_add_text(out, "title", problem->title);
    json_add_int(out, "status", problem->status);
    json_add_text(out, "code", code);
    json_add_text(out, "detail", detail);
    put_errors(out, errors);
    json_add_text(out, "request_id", request->id);
    json_end(out, '}');
    response->status = problem->status;
    response_header(response, "Content-Type", "application/problem+json");
    if (problem->status == 401)
        response_header(response, "WWW-Authenticate", "Bearer realm=\"cloche\"");
    if (problem->status == 429 || problem->status == 503) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", retry_after_s ? retry_after_s : RETRY_AFTER_S);
        response_header(response, "Retry-After", seconds);
    }
}

void problem_answer(response_t *response, const request_t *request, const err_t *err,
                    const field_errors_t *errors, int retry_after_s)
{
    const problem_t *problem = find(err->code);
    if (problem->status >= 500 && err->code != ERR_DISABLED)
        log_fail(LOG_ERROR, "request failed", err, "method", request->method, "path", request->path,
                 NULL);
    // Codes that only our own parts use mean nothing to a client.
    const char *code = err_code_name(problem->status == 500     ? ERR_INTERNAL
                                     : err->code == ERR_TIMEOUT ? ERR_UNAVAILABLE
                                     : err->code == ERR_CLOSED  ? ERR_BAD_REQUEST
                                                                : err->code);
    answer(response, request, problem, code, problem->detail ? problem->detail : err->msg, errors,
           retry_after_s);
}

// ---- functions that gave no answer

typedef struct {
    invocation_status_t status;
    const char *error_type; // NULL: any other
    const char *code;
    problem_t problem;
} outcome_t;

// The first that fits counts.
static const outcome_t outcomes[] = {
    {INVOCATION_ERROR,
     "BadResponse",
     "bad_response",
     {502, "The function gave an answer that is none", "Its owner sees what was wrong with it."}},
    {INVOCATION_ERROR,
     "ResponseTooLarge",
     "response_too_large",
     {502, "The function's answer is too large",
      "6 MiB of body and 64 KiB of headers are allowed."}},
    {INVOCATION_ERROR,
     NULL,
     "function_error",
     {500, "The function failed", "Its owner sees the reason under this request's id."}},
    {INVOCATION_CRASH,
     NULL,
     "function_crashed",
     {502, "The function ended before it answered", "Its owner sees the reason."}},
    {INVOCATION_OOM,
     NULL,
     "out_of_memory",
     {502, "The function ran out of memory", "It needed more than its limit."}},
    {INVOCATION_TIMEOUT,
     NULL,
     "timeout",
     {504, "The function took too long", "It did not answer within its time limit."}},
    {INVOCATION_REJECTED,
     "TooManyRequests",
     "too_many_requests",
     {429, "The function is busy", "As many calls of it are running as are allowed."}},
    {INVOCATION_REJECTED,
     "RuntimeUnavailable",
     "runtime_unavailable",
     {503, "The function's runtime is not available", "This machine cannot run it now."}},
    {INVOCATION_REJECTED,
     NULL,
     "no_capacity",
     {503, "There is no room for this call now", "Try again in a moment."}},
    {INVOCATION_CANCELLED,
     NULL,
     "client_closed",
     {CLIENT_CLOSED, "The caller hung up", "Nobody was there to answer."}},
};

static const outcome_t *find_outcome(const invocation_t *record)
{
    const char *type = record->error_type ? record->error_type : "";
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (outcomes[i].status == record->status &&
            (!outcomes[i].error_type || str_eq(outcomes[i].error_type, type)))
            return &outcomes[i];
    return &outcomes[2];
}

int problem_outcome_status(const invocation_t *record)
{
    return find_outcome(record)->problem.status;
}

void problem_outcome(response_t *response, const request_t *request, const invocation_t *record)
{
    const outcome_t *o = find_outcome(record);
    answer(response, request, &o->problem, o->code, o->problem.detail, NULL, 0);
}
