#include "service/event.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/crypto.h"
#include "core/json.h"
#include "http/header.h"
#include "service/event_http.h"

enum {
    EVENT_MAX = 16 * 1024 * 1024,  // a body of 6 MiB, escaped
    REQUEST_MAX = 2 * 1024 * 1024, // the request line and headers, escaped
    FORM_ARENA = 24 * 1024 * 1024,
};

void event_input_free(event_input_t *input)
{
    free(input->event);
    free(input->request);
    *input = (event_input_t){0};
}

// ---- secrets

// Whether one of the words of the text is an API token.
static bool holds_token(const char *text)
{
    static const char separators[] = " \t,;:=\"";
    for (const char *p = text; *p;) {
        p += strspn(p, separators);
        size_t len = strcspn(p, separators);
        char word[CRYPTO_TOKEN];
        if (len == sizeof word - 1) {
            memcpy(word, p, len);
            word[len] = '\0';
            if (crypto_is_token(word))
                return true;
        }
        p += len;
    }
    return false;
}

bool event_hides_cookie(const pair_t *cookie)
{
    return str_eq(cookie->name, "cloche_session") || str_eq(cookie->name, "__Host-cloche") ||
           holds_token(cookie->value);
}

// In `Authorization` also what only begins like a token: it was meant for us.
static bool is_our_login(const pair_t *header)
{
    if (!str_eq(header->name, "authorization"))
        return false;
    const char *credentials = header->value + strcspn(header->value, " \t");
    credentials += strspn(credentials, " \t");
    return str_starts(credentials, "cl_") || str_starts(header->value, "cl_");
}

bool event_hides_header(const pair_t *header)
{
    return is_our_login(header) || holds_token(header->value);
}

// ---- context.request

static void put_cookie_header(buf_t *out, const request_t *request)
{
    cleanup_buf buf_t text = BUF_INIT(REQUEST_MAX);
    for (size_t i = 0; i < request->cookies.count; i++) {
        const pair_t *cookie = &request->cookies.items[i];
        if (event_hides_cookie(cookie))
            continue;
        if (text.len)
            buf_adds(&text, "; ");
        buf_adds(&text, cookie->name);
        buf_addc(&text, '=');
        buf_adds(&text, cookie->value);
    }
    if (text.len)
        json_add_textn(out, "cookie", text.data, text.len);
}

static void put_joined(buf_t *out, const pairs_t *list, size_t first)
{
    const char *name = list->items[first].name;
    cleanup_buf buf_t text = BUF_INIT(REQUEST_MAX);
    for (size_t i = first; i < list->count; i++) {
        const pair_t *header = &list->items[i];
        if (!str_eq(header->name, name) || event_hides_header(header))
            continue;
        if (i > first && text.len)
            buf_addc(&text, ',');
        buf_adds(&text, header->value);
    }
    json_add_textn(out, name, buf_str(&text), text.len);
}

// Whether something is left to show of the header that starts at `first`.
static bool any_shown(const pairs_t *list, size_t first)
{
    for (size_t i = first; i < list->count; i++)
        if (str_eq(list->items[i].name, list->items[first].name) &&
            !event_hides_header(&list->items[i]))
            return true;
    return false;
}

void event_put_headers(buf_t *out, const request_t *request, bool with_cookie)
{
    const pairs_t *list = &request->headers;
    json_begin(out, "headers", '{');
    for (size_t i = 0; i < list->count; i++)
        if (!str_eq(list->items[i].name, "cookie") && !pairs_seen(list, i) && any_shown(list, i))
            put_joined(out, list, i);
    if (with_cookie)
        put_cookie_header(out, request);
    json_end(out, '}');
}

void event_put_params(buf_t *out, const char *key, const route_params_t *params)
{
    json_begin(out, key, '{');
    for (int i = 0; i < params->count; i++) {
        const route_param_t *param = &params->items[i];
        char name[ROUTE_TEXT];
        memcpy(name, param->name, param->name_len);
        name[param->name_len] = '\0';
        json_add_text(out, name, param->value);
    }
    json_end(out, '}');
}

// {"name": "value"}, with lists where a name is repeated.
static void put_fields(buf_t *out, const char *key, const pairs_t *list)
{
    json_begin(out, key, '{');
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i].name;
        if (pairs_seen(list, i))
            continue;
        bool repeated = false;
        for (size_t k = i + 1; k < list->count && !repeated; k++)
            repeated = str_eq(list->items[k].name, name);
        if (!repeated) {
            json_add_text(out, name, list->items[i].value);
            continue;
        }
        json_begin(out, name, '[');
        for (size_t k = i; k < list->count; k++)
            if (str_eq(list->items[k].name, name))
                json_add_text(out, NULL, list->items[k].value);
        json_end(out, ']');
    }
    json_end(out, '}');
}

static void put_cookies(buf_t *out, const pairs_t *cookies)
{
    json_begin(out, "cookies", '{');
    for (size_t i = 0; i < cookies->count; i++)
        if (!pairs_seen(cookies, i) && !event_hides_cookie(&cookies->items[i]))
            json_add_text(out, cookies->items[i].name, cookies->items[i].value);
    json_end(out, '}');
}

static void put_request(buf_t *out, const request_t *request, const char *method,
                        const route_params_t *params)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "method", method);
    json_add_text(out, "path", request->path);
    event_put_params(out, "params", params);
    put_fields(out, "query", &request->query);
    event_put_headers(out, request, true);
    put_cookies(out, &request->cookies);
    json_end(out, '}');
}

// ---- the event

static int keep(buf_t *text, char **out, err_t *err)
{
    if (buf_failed(text))
        return err_set(err, ERR_TOO_LARGE, "the request is too large for an event");
    *out = buf_take(text);
    return 0;
}

static int from_query(const request_t *request, event_input_t *out, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(EVENT_MAX);
    put_fields(&text, NULL, &request->query);
    out->source = EVENT_VALUE;
    return keep(&text, &out->event, err);
}

// `curl -d '{"a":1}'` calls its JSON a form.
static bool is_json_container(const buf_t *body)
{
    const char *p = body->data + strspn(body->data, " \t\r\n");
    return (*p == '{' || *p == '[') && json_check(body->data, body->len, NULL) == 0;
}

static int from_form(const request_t *request, event_input_t *out, err_t *err)
{
    const buf_t *body = &request->body;
    if (is_json_container(body)) {
        out->source = EVENT_JSON;
        return 0;
    }
    arena_t arena = ARENA_INIT(FORM_ARENA);
    pairs_t fields = {0};
    cleanup_buf buf_t text = BUF_INIT(EVENT_MAX);
    int result = url_pairs(&arena, body->data, body->len, &fields, err);
    if (result == 0) {
        put_fields(&text, NULL, &fields);
        out->source = EVENT_VALUE;
        result = keep(&text, &out->event, err);
    }
    arena_free(&arena);
    return result;
}

// Without a content type, what can be read as text is text.
static bool is_text(const request_t *request)
{
    return (!*request->content_type || media_type_is_text(request->content_type)) &&
           str_utf8(request->body.data, request->body.len) &&
           !memchr(request->body.data, '\0', request->body.len);
}

static int from_body(const request_t *request, event_input_t *out, err_t *err)
{
    if (media_type_is_json(request->content_type)) {
        out->source = EVENT_JSON;
        return json_check(request->body.data, request->body.len, err);
    }
    if (media_type_is(request->content_type, "application/x-www-form-urlencoded"))
        return from_form(request, out, err);
    out->source = is_text(request) ? EVENT_TEXT : EVENT_BYTES;
    return 0;
}

static int payload(const function_t *f, const request_t *request, const char *method,
                   const route_params_t *params, event_input_t *out, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(EVENT_MAX);
    event_put_payload(&text, f, request, method, params);
    out->source = EVENT_VALUE;
    return keep(&text, &out->event, err);
}

int event_from_request(const function_t *f, const request_t *request, const char *method,
                       const route_params_t *params, event_input_t *out, err_t *err)
{
    *out = (event_input_t){0};
    cleanup_buf buf_t text = BUF_INIT(REQUEST_MAX);
    put_request(&text, request, method, params);
    if (keep(&text, &out->request, err) < 0)
        return -1;
    if (f->event == EVENT_HTTP)
        return payload(f, request, method, params, out, err);
    return request->body.len ? from_body(request, out, err) : from_query(request, out, err);
}
