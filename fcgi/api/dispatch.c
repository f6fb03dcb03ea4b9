// From a request to its handler: path, method, login, scope, body; and from an error to its answer.
#include "api/api.h"

#include <string.h>

#include "api/login.h"
#include "api/policy.h"
#include "api/problem.h"
#include "api/routes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "http/header.h"
#include "service/auth.h"

// Looks at the login that was sent where none is needed. A wrong token is refused, so that it does not go
// unnoticed; a cookie, which the browser sends by itself, may be an old one, and a database that is away
// only matters where a login is needed.
static int sign_in_anyone(api_call_t *call, err_t *err)
{
    err_t why;
    if (login_read(call, &why) == 0 || why.code == ERR_UNAVAILABLE ||
        (why.code == ERR_UNAUTHORIZED && !login_has_token(call)))
        return 0;
    *err = why;
    return -1;
}

static int sign_in(api_call_t *call, uint32_t who, err_t *err)
{
    if (who == WHO_STRANGER)
        return login_check_origin(call, err);
    if (who == WHO_ANYONE)
        return sign_in_anyone(call, err);
    if (login_read(call, err) < 0)
        return -1;
    if (who == WHO_LOGIN)
        return 0;
    return who == WHO_PERSON ? auth_require_person(&call->access, err)
                             : auth_require(&call->access, (scope_t)who, err);
}

// Where the request came from, for the audit trail.
static void note_source(api_call_t *call)
{
    const request_t *r = call->request;
    str_copy(call->access.address, sizeof call->access.address, r->remote_addr);
    str_copy(call->access.request_id, sizeof call->access.request_id, r->id);
}

static int read_body(api_call_t *call, const api_route_t *route, err_t *err)
{
    request_t *r = call->request;
    if (!route->body_max)
        return 0;
    if (request_read_body(r, route->body_max, err) < 0)
        return -1;
    if (r->body.len && !media_type_is(r->content_type, "application/json"))
        return err_set(err, ERR_UNSUPPORTED, "the body must be application/json");
    return 0;
}

static int serve_api(api_call_t *call, err_t *err)
{
    request_t *r = call->request;
    const api_route_t *route = NULL;
    char allow[ALLOW_TEXT];
    if (request_split_path(r, err) < 0)
        return -1;
    if (api_route_find(r->method, r->segments, r->segment_count, &route, call->params, allow, err) <
        0) {
        if (err->code == ERR_METHOD)
            response_header(call->response, "Allow", allow);
        return -1;
    }
    if (sign_in(call, route->who, err) < 0 || read_body(call, route, err) < 0)
        return -1;
    note_source(call);
    return route->handler(call, err);
}

void api_handle(const api_t *api, invoker_thread_t *thread, request_t *request,
                const err_t *malformed, response_t *response)
{
    api_call_t call = {.api = api, .thread = thread, .request = request, .response = response};
    err_t err = {0};
    response_header(response, "X-Request-Id", request->id);
    bool function = !malformed && str_starts(request->path, "/fn/");
    if (!function)
        policy_own_answer(response);
    if (malformed)
        err = *malformed;
    int result = malformed ? -1 : function ? api_fn(&call, &err) : serve_api(&call, &err);
    if (result == 0)
        return;
    if (function)
        policy_own_answer(response);
    problem_answer(response, request, &err, &call.errors, call.retry_after_s);
}

int api_answer(api_call_t *call, int status, buf_t *json, err_t *err)
{
    if (buf_failed(json))
        return err_set(err, ERR_INTERNAL, "the answer does not fit into %zu bytes", json->max);
    call->response->status = status;
    response_header(call->response, "Content-Type", "application/json");
    buf_free(&call->response->body);
    call->response->body = *json;
    *json = BUF_INIT(json->max);
    return 0;
}

void api_query_int(api_call_t *call, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const char *text = request_query(call->request, name);
    err_t why;
    if (text && str_int(text, min, max, out, &why) < 0)
        field_errors_add(&call->errors, name, "%s", why.msg);
}

static int word_of(const char *const *words, const char *text, size_t len)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return i;
    return -1;
}

static void refuse_word(api_call_t *call, const char *name, const char *rule,
                        const char *const *words)
{
    cleanup_buf buf_t list = BUF_INIT(256);
    for (; *words; words++)
        buf_addf(&list, "%s%s", list.len ? ", " : "", *words);
    field_errors_add(&call->errors, name, "%s %s", rule, buf_str(&list));
}

void api_query_word(api_call_t *call, const char *name, const char *const *words, int *out)
{
    const char *text = request_query(call->request, name);
    int index = text ? word_of(words, text, strlen(text)) : -1;
    if (index >= 0)
        *out = index;
    else if (text)
        refuse_word(call, name, "must be one of", words);
}

void api_query_words(api_call_t *call, const char *name, const char *const *words, uint32_t *out)
{
    const char *text = request_query(call->request, name);
    uint32_t bits = 0;
    while (text) {
        size_t len = strcspn(text, ",");
        int index = word_of(words, text, len);
        if (index < 0) {
            refuse_word(call, name, "must be some of these, with commas between:", words);
            return;
        }
        bits |= (uint32_t)1 << index;
        *out = bits;
        text = text[len] ? text + len + 1 : NULL;
    }
}

void api_query_time(api_call_t *call, const char *name, int64_t *out)
{
    const char *text = request_query(call->request, name);
    if (text && clock_parse(text, out, NULL) < 0)
        field_errors_add(&call->errors, name, "must be a time such as 2026-01-31T12:00:00Z");
}

const char *api_query_id(api_call_t *call, const char *name)
{
    const char *text = request_query(call->request, name);
    if (!text || id_valid(text))
        return text;
    field_errors_add(&call->errors, name, "must be an id");
    return NULL;
}

static bool is_in(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (str_eq(*names, name))
            return true;
    return false;
}

int api_query_done(api_call_t *call, const char *const *names, err_t *err)
{
    const pairs_t *query = &call->request->query;
    for (size_t i = 0; i < query->count; i++) {
        const char *name = query->items[i].name;
        if (!is_in(names, name))
            field_errors_add(&call->errors, name, "is no parameter of this call");
        else if (pairs_seen(query, i))
            field_errors_add(&call->errors, name, "must be given once");
    }
    if (call->errors.count)
        return err_set(err, ERR_INVALID, "%s: %s", call->errors.items[0].field,
                       call->errors.items[0].message);
    return 0;
}
