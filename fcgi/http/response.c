#include "http/response.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "http/header.h"

void response_init(response_t *r, response_sink_t sink)
{
    *r = (response_t){
        .status = 200,
        .headers = BUF_INIT(RESPONSE_HEADERS_MAX),
        .body = BUF_INIT(RESPONSE_BODY_MAX),
        .sink = sink,
    };
}

void response_free(response_t *r)
{
    buf_free(&r->headers);
    buf_free(&r->body);
}

void response_reset(response_t *r)
{
    r->status = 200;
    buf_reset(&r->headers);
    buf_reset(&r->body);
}

// In the head of a CGI answer these are not data but orders to the web server, or its own business.
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "status",           "content-length", "connection", "keep-alive",        "te",
        "proxy-connection", "trailer",        "upgrade",    "transfer-encoding",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_ieq(name, names[i]))
            return true;
    return false;
}

int response_header(response_t *r, const char *name, const char *value)
{
    if (!header_name_ok(name) || !header_value_ok(value) || is_reserved(name))
        return -1;
    size_t before = r->headers.len;
    buf_adds(&r->headers, name);
    buf_adds(&r->headers, ": ");
    buf_adds(&r->headers, value);
    if (buf_adds(&r->headers, "\r\n") == 0)
        return 0;
    // Whole headers only: what did not fit leaves nothing behind.
    r->headers.failed = false;
    r->headers.len = before;
    if (r->headers.data)
        r->headers.data[before] = '\0';
    return -1;
}

static int put(response_t *r, const char *data, size_t len)
{
    if (!r->gone && len && r->sink.write(r->sink.ctx, data, len) < 0)
        r->gone = true;
    return r->gone ? -1 : 0;
}

static int flush(response_t *r)
{
    if (!r->gone && r->sink.flush(r->sink.ctx) < 0)
        r->gone = true;
    return r->gone ? -1 : 0;
}

static bool has_body(const response_t *r)
{
    return !r->no_body && r->status != 204 && r->status != 304;
}

// The web server sends the line as it is given, and a status without a phrase is no status line.
static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {418, "I'm a Teapot"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].phrase;
    return "Other";
}

static void put_length(buf_t *head, size_t length)
{
    buf_adds(head, "Content-Length: ");
    buf_addi(head, (int64_t)length);
    buf_adds(head, "\r\n");
}

static int send_head(response_t *r)
{
    cleanup_buf buf_t head = BUF_INIT(RESPONSE_HEADERS_MAX + 256);
    buf_adds(&head, "Status: ");
    buf_addi(&head, r->status);
    buf_addc(&head, ' ');
    buf_adds(&head, phrase(r->status));
    buf_adds(&head, "\r\n");
    buf_add(&head, buf_str(&r->headers), r->headers.len);
    if (!r->streams && r->status != 204 && r->status != 304)
        put_length(&head, r->body.len);
    // Without this the web server collects a stream before it passes it on.
    if (r->streams)
        buf_adds(&head, "X-Accel-Buffering: no\r\n");
    buf_adds(&head, "\r\n");
    r->started = true;
    if (buf_failed(&head)) {
        r->cut = true;
        return -1;
    }
    return put(r, head.data, head.len);
}

int response_stream(response_t *r)
{
    r->streams = true;
    return send_head(r) < 0 ? -1 : flush(r);
}

int response_write(response_t *r, const char *data, size_t len)
{
    if (!has_body(r))
        return r->gone ? -1 : 0;
    return put(r, data, len) < 0 ? -1 : flush(r);
}

void response_cut(response_t *r)
{
    r->cut = true;
}

int response_finish(response_t *r)
{
    if (r->started)
        return flush(r);
    if (buf_failed(&r->body)) {
        response_reset(r);
        r->status = 500;
    }
    if (send_head(r) < 0)
        return -1;
    return has_body(r) ? put(r, buf_str(&r->body), r->body.len) : 0;
}
