// Functions: list, create, read, change, delete, and their versions.
#include "api/handlers.h"
#include "base/cleanup.h"
#include "base/str.h"

enum {
    ONE_MAX = 8 * 1024 * 1024,   // a function with its code, escaped
    LIST_MAX = 32 * 1024 * 1024, // a page without code
};

// The version that later requests see is the one just written: the keeper and this process forget
// what they know before the answer goes out.
static void announce(api_call_t *call, const char *id, int64_t revision, bool deleted)
{
    route_cache_drop(call->api->routes, id);
    invoke_changed(call->thread, id, revision, deleted);
}

static int answer_function(api_call_t *call, int status, const function_t *f, err_t *err)
{
    char etag[FUNCTION_ETAG];
    functions_etag(f, etag);
    response_header(call->response, "ETag", etag);
    cleanup_buf buf_t json = BUF_INIT(ONE_MAX);
    functions_json(&call->api->functions, f, true, &json);
    return api_answer(call, status, &json, err);
}

int api_functions_list(api_call_t *call, err_t *err)
{
    static const char *const names[] = {"q",    "language", "runtime", "status",
                                        "sort", "limit",    "cursor",  NULL};
    function_filter_t filter = FUNCTION_FILTER;
    int64_t limit = filter.limit;
    api_query_word(call, "language", LANGUAGE_WORDS, &filter.language);
    api_query_word(call, "runtime", RUNTIME_WORDS, &filter.runtime);
    api_query_word(call, "status", FUNCTION_STATUS_WORDS, &filter.status);
    api_query_int(call, "limit", 1, FUNCTION_LIST_MAX, &limit);
    if (api_query_done(call, names, err) < 0)
        return -1;
    filter.limit = (int)limit;
    filter.q = request_query(call->request, "q");
    filter.sort = request_query(call->request, "sort");
    filter.cursor = request_query(call->request, "cursor");

    cleanup_function_page function_page_t page = {0};
    if (functions_list(&call->api->functions, &call->access, &filter, &page, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(LIST_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (size_t i = 0; i < page.count; i++)
        functions_json(&call->api->functions, &page.items[i], false, &json);
    json_end(&json, ']');
    json_add_text(&json, "next", page.next[0] ? page.next : NULL);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_functions_create(api_call_t *call, err_t *err)
{
    const buf_t *body = &call->request->body;
    cleanup_function function_t f = {0};
    if (functions_create(&call->api->functions, &call->access, buf_str(body), body->len, &f,
                         &call->errors, err) < 0)
        return -1;
    announce(call, f.id, f.revision, false);
    char location[64];
    snprintf(location, sizeof location, "/api/functions/%s", f.id);
    response_header(call->response, "Location", location);
    return answer_function(call, 201, &f, err);
}

int api_function_get(api_call_t *call, err_t *err)
{
    cleanup_function function_t f = {0};
    if (functions_get(&call->api->functions, &call->access, SCOPE_FUNCTIONS_READ, call->params[0],
                      &f, err) < 0)
        return -1;
    return answer_function(call, 200, &f, err);
}

typedef int write_fn_t(const functions_t *fs, const access_t *access, const char *id,
                       int64_t revision, const char *body, size_t len, function_t *out,
                       field_errors_t *errors, err_t *err);

static int change(api_call_t *call, write_fn_t *write_fn, err_t *err)
{
    const buf_t *body = &call->request->body;
    int64_t revision = FUNCTION_ANY_REVISION;
    cleanup_function function_t f = {0};
    if (functions_if_match(request_header(call->request, "if-match"), &revision, err) < 0 ||
        write_fn(&call->api->functions, &call->access, call->params[0], revision, buf_str(body),
                 body->len, &f, &call->errors, err) < 0)
        return -1;
    announce(call, f.id, f.revision, false);
    return answer_function(call, 200, &f, err);
}

int api_function_replace(api_call_t *call, err_t *err)
{
    return change(call, functions_replace, err);
}

int api_function_patch(api_call_t *call, err_t *err)
{
    return change(call, functions_patch, err);
}

int api_function_delete(api_call_t *call, err_t *err)
{
    int64_t revision = FUNCTION_ANY_REVISION;
    if (functions_if_match(request_header(call->request, "if-match"), &revision, err) < 0 ||
        functions_delete(&call->api->functions, &call->access, call->params[0], revision, err) < 0)
        return -1;
    announce(call, call->params[0], 0, true);
    call->response->status = 204;
    return 0;
}

// ---- versions

int api_function_rollback(api_call_t *call, err_t *err)
{
    return change(call, functions_rollback, err);
}

int api_function_versions(api_call_t *call, err_t *err)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    int64_t limit = 50;
    api_query_int(call, "limit", 1, VERSION_LIST_MAX, &limit);
    if (api_query_done(call, names, err) < 0)
        return -1;
    cleanup_function_version_page function_version_page_t page = {0};
    if (functions_versions(&call->api->functions, &call->access, call->params[0], (int)limit,
                           request_query(call->request, "cursor"), &page, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(LIST_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (size_t i = 0; i < page.count; i++)
        functions_version_json(&page.items[i], false, &json);
    json_end(&json, ']');
    json_add_text(&json, "next", page.next[0] ? page.next : NULL);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_function_version(api_call_t *call, err_t *err)
{
    int64_t number;
    cleanup_function_version function_version_t version = {0};
    if (str_int(call->params[1], 1, INT64_MAX, &number, NULL) < 0)
        return err_set(err, ERR_NOT_FOUND, "no such version");
    if (functions_get_version(&call->api->functions, &call->access, call->params[0], number,
                              &version, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ONE_MAX);
    functions_version_json(&version, true, &json);
    return api_answer(call, 200, &json, err);
}
