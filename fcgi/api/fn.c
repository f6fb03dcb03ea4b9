// /fn/<route>: a function's own address. Finds the function, makes its event, runs it, keeps the record
// and passes its answer on.
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/login.h"
#include "api/policy.h"
#include "api/problem.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "core/frame.h"
#include "service/event.h"

enum {
    // With rows that turn out stale. Each time there was a write, so this ends; a call that waits through a few
    // writes must not fail for them.
    TRIES = 10,
    ALLOW_BYTES = 80,
};

typedef struct {
    api_call_t *call;
    const route_path_t *path;
    const char *method; // what the function is to see
    bool body_read;
    bool own_host;
    bool fresh;      // the row was read for this request
    int64_t edition; // of the routes, in which it was found
    char allow[ALLOW_BYTES];
    invocation_t record;
    // As the call goes on, for the head of a streamed answer.
    int64_t loading_us, running_us;
} fn_t;

// ---- may it be called

static uint32_t allowed_methods(const function_t *f)
{
    return f->methods | METHOD_OPTIONS | (f->methods & METHOD_GET ? METHOD_HEAD : 0);
}

static void list_methods(uint32_t methods, char out[ALLOW_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t bit = 1; bit <= METHOD_ALL; bit <<= 1)
        if (methods & bit)
            used += (size_t)snprintf(out + used, ALLOW_BYTES - used, "%s%s", used ? ", " : "",
                                     method_name((method_t)bit));
}

static int check_method(fn_t *fn, const function_t *f, err_t *err)
{
    int method = method_parse(fn->call->request->method);
    if (method < 0 || !(allowed_methods(f) & (uint32_t)method)) {
        list_methods(allowed_methods(f), fn->allow);
        return err_set(err, ERR_METHOD, "allowed here: %s", fn->allow);
    }
    // A HEAD that the function does not know is a GET whose body is not sent.
    bool implied_get = method == METHOD_HEAD && !(f->methods & METHOD_HEAD);
    fn->method = method_name(implied_get ? METHOD_GET : (method_t)method);
    return 0;
}

static int check_access(const fn_t *fn, const function_t *f, err_t *err)
{
    api_call_t *call = fn->call;
    if (f->access == VISIBILITY_PUBLIC)
        return 0;
    if (login_read(call, err) < 0)
        return -1;
    if (!access_owns(&call->access, SCOPE_INVOKE, f->owner_id))
        return err_set(err, ERR_FORBIDDEN, "this function is private");
    return 0;
}

static int check(fn_t *fn, const function_t *f, err_t *err)
{
    if (check_method(fn, f, err) < 0 || check_access(fn, f, err) < 0)
        return -1;
    if (f->status == FUNCTION_DISABLED)
        return err_set(err, ERR_DISABLED, "it can be switched on again by its owner");
    return 0;
}

// ---- its answer

// Microseconds as milliseconds with three decimals.
static void put_ms(buf_t *out, int64_t us)
{
    buf_addi(out, us / 1000);
    buf_addc(out, '.');
    for (int64_t unit = 100; unit; unit /= 10)
        buf_addc(out, (char)('0' + us / unit % 10));
}

// Times in microseconds, -1: not known.
static void put_timing(response_t *response, const char *start, int64_t queue_us, int64_t init_us,
                       int64_t run_us)
{
    const struct {
        const char *name;
        int64_t us;
    } parts[] = {{"queue", queue_us}, {"init", init_us}, {"run", run_us}};
    cleanup_buf buf_t text = BUF_INIT(256);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].us < 0)
            continue;
        buf_adds(&text, text.len ? ", " : "");
        buf_adds(&text, parts[i].name);
        buf_adds(&text, ";dur=");
        put_ms(&text, parts[i].us);
    }
    if (text.len)
        response_header(response, "Server-Timing", text.data);
    if (start)
        response_header(response, "X-Cloche-Start", start);
}

static const char *start_of(const invocation_t *record)
{
    return record->start < 0 ? NULL : start_name((start_t)record->start);
}

static void on_phase(void *ctx, invoke_phase_t phase, int64_t t_us)
{
    fn_t *fn = ctx;
    if (phase == PHASE_LOADING)
        fn->loading_us = t_us;
    if (phase == PHASE_RUNNING)
        fn->running_us = t_us;
}

static int on_head(void *ctx, int status, const cJSON *headers)
{
    fn_t *fn = ctx;
    response_t *response = fn->call->response;
    response->status = status;
    policy_headers(response, headers, fn->own_host);
    put_timing(response, start_of(&fn->record), fn->loading_us, fn->running_us - fn->loading_us,
               -1);
    return response_stream(response);
}

static int on_body(void *ctx, const char *data, size_t len)
{
    fn_t *fn = ctx;
    return response_write(fn->call->response, data, len);
}

static void answer(fn_t *fn, invoke_answer_t *from)
{
    const invocation_t *record = &fn->record;
    response_t *response = fn->call->response;
    bool ok = record->status == INVOCATION_OK;
    if (response->started) {
        if (!ok)
            response_cut(response);
        return;
    }
    put_timing(response, start_of(record), record->queue_us, record->init_us, record->run_us);
    if (!ok) {
        policy_own_answer(response);
        problem_outcome(response, fn->call->request, record);
        return;
    }
    response->status = from->http_status;
    policy_headers(response, from->headers, fn->own_host);
    buf_free(&response->body);
    response->body = from->body;
    from->body = BUF_INIT(FRAME_RESPONSE_MAX);
}

// What the record says beyond what running it has told.
static void complete_record(fn_t *fn)
{
    invocation_t *record = &fn->record;
    const request_t *request = fn->call->request;
    str_copy(record->method, sizeof record->method, request->method);
    free(record->path);
    record->path = strdup(request->path);
    if (fn->call->response->started)
        record->http_status = fn->call->response->status;
    else if (record->status != INVOCATION_OK)
        record->http_status = problem_outcome_status(record);
}

// ---- the call

static int run(fn_t *fn, const cached_function_t *row, const route_params_t *params, err_t *err)
{
    const api_call_t *call = fn->call;
    const request_t *request = call->request;
    cleanup_event_input event_input_t event = {0};
    if (event_from_request(&row->function, request, fn->method, params, &event, err) < 0)
        return -1;

    invoke_answer_t result = {0};
    const invoke_sink_t sink = {.phase = on_phase, .head = on_head, .body = on_body, .ctx = fn};
    const invoke_call_t what = {
        .function = &row->function,
        .runtime = row->function.runtime,
        .edition = fn->edition,
        .id = request->id,
        .origin = SOURCE_HTTP,
        .source = event.source,
        .event = event.event,
        .request = event.request,
        .body = buf_str(&request->body),
        .body_len = request->body.len,
        .client_fd = request->client_fd,
        .arrived_ns = request->arrived_ns,
        .sink = &sink,
    };
    if (invoke_run(call->thread, &what, &fn->record, &result, err) < 0)
        return -1;
    complete_record(fn);
    journal_record(call->api->journal, &fn->record);
    answer(fn, &result);
    invoke_answer_free(&result);
    return 0;
}

static int serve(fn_t *fn, const cached_function_t *row, err_t *err)
{
    api_call_t *call = fn->call;
    if (check(fn, &row->function, err) < 0)
        return -1;
    if (str_eq(fn->method, "OPTIONS") && !(row->function.methods & METHOD_OPTIONS)) {
        // The row alone says this, and no lease that it is the newest.
        if (!fn->fresh)
            return err_set(err, ERR_METHOD, "the methods may have changed");
        call->response->status = 204;
        list_methods(allowed_methods(&row->function), fn->allow);
        response_header(call->response, "Allow", fn->allow);
        return 0;
    }
    if (!fn->body_read && request_read_body(call->request, FRAME_REQUEST_MAX, err) < 0)
        return -1;
    fn->body_read = true;
    route_params_t params = {0};
    if (!route_match(&row->route, fn->path, &params))
        return err_set(err, ERR_STALE, "the function has moved to another route");
    return run(fn, row, &params, err);
}

// Whether the refusal depends on what the row says, which may be outdated.
static bool depends_on_row(err_code_t code)
{
    return code == ERR_METHOD || code == ERR_UNAUTHORIZED || code == ERR_FORBIDDEN ||
           code == ERR_DISABLED;
}

// Either the function has changed since it was read, or any has since it was looked up.
static void look_again(const fn_t *fn, const function_t *f)
{
    route_cache_t *cache = fn->call->api->routes;
    int64_t edition = invoke_edition(fn->call->thread);
    if (edition > fn->edition)
        route_cache_renew(cache, edition);
    else
        route_cache_drop(cache, f->id);
}

// Serves with the row that is known, and again with a newer one where that turns out stale.
static int find_and_serve(fn_t *fn, err_t *err)
{
    route_cache_t *cache = fn->call->api->routes;
    for (int tries = 0;; tries++) {
        cleanup_cached_function cached_function_t *row = NULL;
        if (route_cache_get(cache, fn->path, fn->fresh, &row, &fn->edition, err) < 0)
            return -1;
        if (serve(fn, row, err) == 0)
            return 0;
        bool moved_on = err->code == ERR_STALE || err->code == ERR_NOT_FOUND;
        if (moved_on && tries < TRIES) {
            look_again(fn, &row->function);
        } else if (depends_on_row(err->code) && !fn->fresh) {
            fn->fresh = true;
        } else {
            return -1;
        }
    }
}

int api_fn(api_call_t *call, err_t *err)
{
    route_path_t path;
    fn_t fn = {.call = call,
               .path = &path,
               .own_host = policy_own_host(call->api->config, call->request),
               .record = {.start = -1}};
    if (!route_path(call->request->path + strlen("/fn/"), &path))
        return err_set(err, ERR_NO_ROUTE, "no function can have this path");
    int result = find_and_serve(&fn, err);
    invocation_free(&fn.record);
    if (result == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND)
        return err_set(err, ERR_NO_ROUTE, "the function was deleted");
    if (err->code == ERR_STALE)
        return err_set(err, ERR_UNAVAILABLE, "the function keeps changing");
    if (err->code == ERR_METHOD)
        response_header(call->response, "Allow", fn.allow);
    return -1;
}
