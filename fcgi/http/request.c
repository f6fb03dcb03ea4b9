#include "http/request.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/header.h"

enum {
    ARENA_BYTES = 1024 * 1024,
    SEGMENTS_MAX = 256,
    FIRST_READ_BYTES = 1024, // of a body without an announced length, which mostly is none
    READ_BYTES = 64 * 1024,
};

static int out_of_room(err_t *err)
{
    return err_set(err, ERR_BAD_REQUEST, "the request line and headers are too large");
}

// The value as UTF-8: what is not gets read as ISO 8859-1, as HTTP once defined field values.
static const char *header_text(arena_t *arena, const char *value)
{
    size_t len = strlen(value);
    if (str_utf8(value, len))
        return arena_copy(arena, value, len);
    char *out = arena_alloc(arena, 2 * len + 1);
    char *p = out;
    for (; out && *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (c < 0x80) {
            *p++ = (char)c;
        } else {
            *p++ = (char)(0xc0 | c >> 6);
            *p++ = (char)(0x80 | (c & 0x3f));
        }
    }
    return out;
}

static int add_header(request_t *r, const char *name, const char *value, err_t *err)
{
    char *lower = arena_text(&r->arena, name);
    const char *text = header_text(&r->arena, value);
    if (!lower || !text)
        return out_of_room(err);
    for (char *p = lower; *p; p++)
        *p = *p == '_' ? '-' : *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    return pairs_add(&r->headers, &r->arena, lower, text, err);
}

// `Proxy` is no request header; it exists to fool programs that look for HTTP_PROXY. Type and length
// of the body come as variables of their own.
static bool is_skipped(const char *name)
{
    return str_eq(name, "PROXY") || str_eq(name, "CONTENT_TYPE") || str_eq(name, "CONTENT_LENGTH");
}

static int keep(request_t *r, const char **member, const char *value, err_t *err)
{
    *member = header_text(&r->arena, value);
    return *member ? 0 : out_of_room(err);
}

static int read_length(request_t *r, const char *value, err_t *err)
{
    if (!*value)
        return 0;
    err_t why;
    if (str_int(value, 0, INT64_MAX, &r->content_length, &why) < 0)
        return err_set(err, ERR_BAD_REQUEST, "Content-Length %s", why.msg);
    return 0;
}

static int read_variable(request_t *r, const char *name, const char *value, const char **uri,
                         err_t *err)
{
    const struct {
        const char *name;
        const char **member;
    } plain[] = {
        {"REQUEST_METHOD", &r->method},    {"CONTENT_TYPE", &r->content_type},
        {"REMOTE_ADDR", &r->remote_addr},  {"REQUEST_SCHEME", &r->scheme},
        {"SERVER_PROTOCOL", &r->protocol},
    };
    if (str_starts(name, "HTTP_"))
        return is_skipped(name + 5) ? 0 : add_header(r, name + 5, value, err);
    if (str_eq(name, "CONTENT_LENGTH"))
        return read_length(r, value, err);
    if (str_eq(name, "REQUEST_URI"))
        *uri = value;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (str_eq(name, plain[i].name))
            return keep(r, plain[i].member, value, err);
    return 0;
}

static int read_variables(request_t *r, const char *const *variables, const char **uri, err_t *err)
{
    for (; *variables; variables++) {
        const char *equals = strchr(*variables, '=');
        if (!equals)
            continue;
        char name[256];
        size_t len = (size_t)(equals - *variables);
        if (len >= sizeof name)
            return err_set(err, ERR_BAD_REQUEST, "a header name over %zu bytes", sizeof name);
        memcpy(name, *variables, len);
        name[len] = '\0';
        if (read_variable(r, name, equals + 1, uri, err) < 0)
            return -1;
    }
    if (*r->content_type)
        return pairs_add(&r->headers, &r->arena, "content-type", r->content_type, err);
    return 0;
}

static int read_uri(request_t *r, const char *uri, err_t *err)
{
    size_t len = strcspn(uri, "?");
    const char *path = arena_copy(&r->arena, uri, len);
    const char *query = arena_text(&r->arena, uri[len] ? uri + len + 1 : "");
    if (!path || !query)
        return out_of_room(err);
    r->path = path;
    r->raw_query = query;
    return url_pairs(&r->arena, r->raw_query, strlen(r->raw_query), &r->query, err);
}

static int add_cookies(request_t *r, const char *header, err_t *err)
{
    while (*header) {
        header += strspn(header, " \t;");
        size_t len = strcspn(header, ";");
        size_t end = len;
        while (end && (header[end - 1] == ' ' || header[end - 1] == '\t'))
            end--;
        const char *equals = memchr(header, '=', end);
        size_t name_len = equals ? (size_t)(equals - header) : 0;
        if (name_len) {
            const char *name = arena_copy(&r->arena, header, name_len);
            const char *value = arena_copy(&r->arena, equals + 1, end - name_len - 1);
            if (!name || !value)
                return out_of_room(err);
            if (pairs_add(&r->cookies, &r->arena, name, value, err) < 0)
                return -1;
        }
        header += len;
    }
    return 0;
}

static int read_cookies(request_t *r, err_t *err)
{
    for (size_t i = 0; i < r->headers.count; i++)
        if (str_eq(r->headers.items[i].name, "cookie") &&
            add_cookies(r, r->headers.items[i].value, err) < 0)
            return -1;
    return 0;
}

int request_parse(request_t *r, const char *const *variables, err_t *err)
{
    *r = (request_t){
        .arrived_ns = clock_mono_ns(),
        .arrived_us = clock_wall_us(),
        .client_fd = -1,
        .method = "",
        .path = "",
        .raw_query = "",
        .content_type = "",
        .content_length = -1,
        .remote_addr = "",
        .scheme = "http",
        .host = "",
        .protocol = "",
        .arena = ARENA_INIT(ARENA_BYTES),
    };
    id_new(r->id);
    const char *uri = "";
    if (read_variables(r, variables, &uri, err) < 0)
        return -1;
    const char *host = request_header(r, "host");
    if (host)
        r->host = host;
    if (!header_name_ok(r->method) || strlen(r->method) > 32)
        return err_set(err, ERR_BAD_REQUEST, "a request method that is none");
    if (read_uri(r, uri, err) < 0)
        return -1;
    return read_cookies(r, err);
}

void request_free(request_t *r)
{
    buf_free(&r->body);
    arena_free(&r->arena);
}

int request_split_path(request_t *r, err_t *err)
{
    if (r->path[0] != '/')
        return err_set(err, ERR_BAD_REQUEST, "the path must begin with a slash");
    size_t count = 1;
    for (const char *p = r->path + 1; *p; p++)
        count += *p == '/';
    if (count > SEGMENTS_MAX)
        return err_set(err, ERR_BAD_REQUEST, "more than %d path segments", SEGMENTS_MAX);
    const char **segments = arena_alloc(&r->arena, count * sizeof *segments);
    if (!segments)
        return out_of_room(err);
    const char *p = r->path + 1;
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(p, "/");
        segments[i] = url_decode(&r->arena, p, len, false, err);
        if (!segments[i])
            return -1;
        if (strchr(segments[i], '/') || str_eq(segments[i], ".") || str_eq(segments[i], ".."))
            return err_set(err, ERR_BAD_REQUEST, "a path with dot segments or an escaped slash");
        p += len + 1;
    }
    r->segments = segments;
    r->segment_count = count;
    return 0;
}

const char *request_header(const request_t *r, const char *name)
{
    return pairs_get(&r->headers, name);
}

const char *request_query(const request_t *r, const char *name)
{
    return pairs_get(&r->query, name);
}

static int too_large(size_t cap, err_t *err)
{
    return err_set(err, ERR_TOO_LARGE, "the body may have %zu bytes at most", cap);
}

int request_read_body(request_t *r, size_t cap, err_t *err)
{
    if (r->content_length > (int64_t)cap)
        return too_large(cap, err);
    r->body = BUF_INIT(cap);
    size_t end = r->content_length < 0 ? cap : (size_t)r->content_length;
    for (size_t step = r->content_length < 0 ? FIRST_READ_BYTES : READ_BYTES;; step = READ_BYTES) {
        // One byte over the end is asked for, so that a body that goes on is seen.
        char extra = 0;
        size_t left = end - r->body.len;
        size_t want = left < step ? left : step;
        char *room = want ? buf_room(&r->body, want) : &extra;
        if (!room)
            return err_set(err, ERR_INTERNAL, "out of memory for a request body");
        long n = r->source.read(r->source.ctx, room, want ? want : 1);
        if (n < 0)
            return err_set(err, ERR_CLOSED, "the client left while sending the body");
        if (want)
            buf_grew(&r->body, (size_t)n);
        if (n == 0)
            break;
        if (!want && end < cap)
            return err_set(err, ERR_BAD_REQUEST, "the body goes on behind its announced length");
        if (!want)
            return too_large(cap, err);
    }
    if (r->content_length >= 0 && r->body.len != (size_t)r->content_length)
        return err_set(err, ERR_CLOSED, "the body ended before its announced length");
    return 0;
}
