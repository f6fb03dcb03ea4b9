#include "service/event_http.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/json.h"
#include "http/header.h"

enum { HOST_TEXT = 256 };

// "12/Mar/2026:19:03:58 +0000"
static void put_time(buf_t *out, int64_t wall_us)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char iso[CLOCK_TEXT], text[48]; // "2026-03-12T19:03:58.000Z"
    clock_format(wall_us, iso);
    int month = (iso[5] - '0') * 10 + (iso[6] - '0');
    snprintf(text, sizeof text, "%.2s/%s/%.4s:%.8s +0000", iso + 8, months[(month - 1) % 12], iso,
             iso + 11);
    json_add_text(out, "time", text);
}

// The host without its port.
static void domain_name(const request_t *request, char out[HOST_TEXT])
{
    str_copy(out, HOST_TEXT, request->host);
    char *port = strrchr(out, ':');
    if (port && port[1 + strspn(port + 1, "0123456789")] == '\0')
        *port = '\0';
}

static void put_context(buf_t *out, const function_t *f, const request_t *request,
                        const char *method)
{
    char domain[HOST_TEXT], prefix[HOST_TEXT];
    domain_name(request, domain);
    str_copy(prefix, sizeof prefix, domain);
    prefix[strcspn(prefix, ".")] = '\0';
    const char *agent = request_header(request, "user-agent");

    json_begin(out, "requestContext", '{');
    json_add_text(out, "accountId", "anonymous");
    json_add_text(out, "apiId", f->id);
    json_add_text(out, "domainName", domain);
    json_add_text(out, "domainPrefix", prefix);
    json_begin(out, "http", '{');
    json_add_text(out, "method", method);
    json_add_text(out, "path", request->path);
    json_add_text(out, "protocol", request->protocol);
    json_add_text(out, "sourceIp", request->remote_addr);
    json_add_text(out, "userAgent", agent ? agent : "");
    json_end(out, '}');
    json_add_text(out, "requestId", request->id);
    json_add_text(out, "routeKey", "$default");
    json_add_text(out, "stage", "$default");
    put_time(out, request->arrived_us);
    json_add_int(out, "timeEpoch", request->arrived_us / 1000);
    json_end(out, '}');
}

static void put_cookies(buf_t *out, const request_t *request)
{
    bool begun = false;
    for (size_t i = 0; i < request->cookies.count; i++) {
        const pair_t *cookie = &request->cookies.items[i];
        if (event_hides_cookie(cookie))
            continue;
        if (!begun)
            json_begin(out, "cookies", '[');
        begun = true;
        cleanup_buf buf_t text = BUF_INIT(64 * 1024);
        buf_adds(&text, cookie->name);
        buf_addc(&text, '=');
        buf_adds(&text, cookie->value);
        json_add_textn(out, NULL, buf_str(&text), text.len);
    }
    if (begun)
        json_end(out, ']');
}

static void put_query(buf_t *out, const request_t *request)
{
    const pairs_t *query = &request->query;
    if (!query->count)
        return;
    json_begin(out, "queryStringParameters", '{');
    for (size_t i = 0; i < query->count; i++) {
        if (pairs_seen(query, i))
            continue;
        cleanup_buf buf_t text = BUF_INIT(1024 * 1024);
        for (size_t k = i; k < query->count; k++) {
            if (!str_eq(query->items[k].name, query->items[i].name))
                continue;
            if (k > i)
                buf_addc(&text, ',');
            buf_adds(&text, query->items[k].value);
        }
        json_add_textn(out, query->items[i].name, buf_str(&text), text.len);
    }
    json_end(out, '}');
}

// Text as Lambda takes it: by content type. Text whose escapes would make it much longer than base64
// goes as base64, too.
static bool goes_as_text(const request_t *request)
{
    const buf_t *body = &request->body;
    if (*request->content_type && !media_type_is_text(request->content_type))
        return false;
    size_t escapes = 0;
    for (size_t i = 0; i < body->len; i++)
        escapes += (unsigned char)body->data[i] < 0x20;
    return escapes < body->len / 4 + 64 && str_utf8(body->data, body->len);
}

static void put_base64(buf_t *out, const buf_t *body)
{
    size_t size = sodium_base64_encoded_len(body->len, sodium_base64_VARIANT_ORIGINAL);
    cleanup_free char *text = malloc(size);
    if (!text) {
        out->failed = true;
        return;
    }
    sodium_bin2base64(text, size, (const unsigned char *)body->data, body->len,
                      sodium_base64_VARIANT_ORIGINAL);
    json_add_textn(out, "body", text, size - 1);
}

static void put_body(buf_t *out, const request_t *request)
{
    const buf_t *body = &request->body;
    bool text = !body->len || goes_as_text(request);
    if (body->len && text)
        json_add_textn(out, "body", body->data, body->len);
    else if (body->len)
        put_base64(out, body);
    json_add_bool(out, "isBase64Encoded", !text);
}

void event_put_payload(buf_t *out, const function_t *f, const request_t *request,
                       const char *method, const route_params_t *params)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "version", "2.0");
    json_add_text(out, "routeKey", "$default");
    json_add_text(out, "rawPath", request->path);
    json_add_text(out, "rawQueryString", request->raw_query);
    put_cookies(out, request);
    event_put_headers(out, request, false);
    put_query(out, request);
    put_context(out, f, request, method);
    if (params->count)
        event_put_params(out, "pathParameters", params);
    put_body(out, request);
    json_end(out, '}');
}
