#include "core/route.h"

#include <string.h>

#include "base/str.h"

static bool is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_literal_char(char c)
{
    return is_alpha(c) || is_digit(c) || (c && strchr(".~-", c));
}

static bool is_literal(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_literal_char(text[i]))
            return false;
    return len > 0;
}

static bool is_dots(const char *text, size_t len)
{
    return (len == 1 && text[0] == '.') || (len == 2 && text[0] == '.' && text[1] == '.');
}

// ---- patterns

static int parse_param(route_t *r, size_t at, size_t len, err_t *err)
{
    const char *name = r->text + at + 1;
    size_t name_len = len - 2;
    if (r->text[at + len - 1] != '}' || name_len == 0 || !is_alpha(name[0]))
        return err_set(err, ERR_INVALID,
                       "must name its params like {name}: letters, digits and _, "
                       "not starting with a digit");
    for (size_t i = 0; i < name_len; i++)
        if (!is_alpha(name[i]) && !is_digit(name[i]))
            return err_set(err, ERR_INVALID,
                           "must name its params like {name}: letters, digits and _, "
                           "not starting with a digit");
    for (int i = 0; i < r->count; i++)
        if (r->seg[i].param && r->seg[i].len == name_len &&
            memcmp(r->text + r->seg[i].at, name, name_len) == 0)
            return err_set(err, ERR_INVALID, "must not name a param twice");
    r->seg[r->count].at = (uint16_t)(at + 1);
    r->seg[r->count].len = (uint16_t)name_len;
    r->seg[r->count++].param = true;
    return 0;
}

static int parse_segment(route_t *r, size_t at, size_t len, err_t *err)
{
    const char *text = r->text + at;
    if (len == 0)
        return err_set(err, ERR_INVALID, "must not have an empty segment");
    if (r->tail)
        return err_set(err, ERR_INVALID, "may have * only as its last segment");
    if (len == 1 && text[0] == '*') {
        if (r->count == 0)
            return err_set(err, ERR_INVALID, "must have a segment before /*");
        r->tail = true;
        return 0;
    }
    if (r->count == ROUTE_SEGMENTS)
        return err_set(err, ERR_INVALID, "must have at most %d segments", ROUTE_SEGMENTS);
    if (text[0] == '{')
        return parse_param(r, at, len, err);
    if (is_dots(text, len))
        return err_set(err, ERR_INVALID, "must not have . or .. as a segment");
    if (!is_literal(text, len))
        return err_set(err, ERR_INVALID,
                       "must consist of segments of A-Z a-z 0-9 . _ ~ - or a {param}");
    r->seg[r->count].at = (uint16_t)at;
    r->seg[r->count].len = (uint16_t)len;
    r->seg[r->count++].param = false;
    return 0;
}

int route_parse(const char *text, route_t *out, err_t *err)
{
    *out = (route_t){0};
    if (text[0] == '/')
        text++;
    if (!text[0])
        return err_set(err, ERR_INVALID, "must not be empty");
    if (!str_copy(out->text, sizeof out->text, text))
        return err_set(err, ERR_INVALID, "must have at most %d characters", ROUTE_TEXT - 1);
    for (size_t at = 0;;) {
        size_t len = strcspn(out->text + at, "/");
        if (parse_segment(out, at, len, err) < 0)
            return -1;
        at += len;
        if (!out->text[at])
            return 0;
        at++;
    }
}

void route_key(const route_t *route, char out[ROUTE_TEXT])
{
    size_t len = 0;
    for (int i = 0; i < route->count; i++) {
        bool param = route->seg[i].param;
        const char *text = param ? "{}" : route->text + route->seg[i].at;
        size_t n = param ? 2 : route->seg[i].len;
        if (i)
            out[len++] = '/';
        memcpy(out + len, text, n);
        len += n;
    }
    if (route->tail) {
        memcpy(out + len, "/*", 2);
        len += 2;
    }
    out[len] = '\0';
}

uint32_t route_rank(const route_t *route)
{
    // Two bits per place, the leftmost highest. Of the patterns that match one path, those that differ
    // at a place have different things there: so no two of them have the same rank.
    enum { TAIL, END, PARAM, LITERAL };
    uint32_t rank = 0;
    for (int i = 0; i <= ROUTE_SEGMENTS; i++) {
        uint32_t place = i < route->count ? (route->seg[i].param ? PARAM : LITERAL)
                                          : (i == route->count && route->tail ? TAIL : END);
        rank = rank << 2 | place;
    }
    return rank;
}

// ---- paths

// Decodes one segment of the raw path into out->text; -1 if no route can match it.
static int decode_segment(const char *raw, size_t len, char *out)
{
    char *p = out;
    for (size_t i = 0; i < len; i++) {
        char c = raw[i];
        if (c == '%') {
            int high = i + 2 < len ? str_hex(raw[i + 1]) : -1;
            int low = high >= 0 ? str_hex(raw[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return -1;
        *p++ = c;
    }
    *p = '\0';
    size_t n = (size_t)(p - out);
    return n == 0 || is_dots(out, n) || !str_utf8(out, n) ? -1 : (int)n;
}

bool route_path(const char *path, route_path_t *out)
{
    if (path[0] == '/')
        path++;
    out->count = 0;
    if (!str_copy(out->raw, sizeof out->raw, path))
        return false;
    size_t end = strlen(out->raw);
    if (end && out->raw[end - 1] == '/')
        end--;
    size_t used = 0;
    for (size_t at = 0; at <= end;) {
        size_t len = strcspn(out->raw + at, "/");
        if (out->count == ROUTE_PATH_SEGMENTS)
            return false;
        int n = decode_segment(out->raw + at, len, out->text + used);
        if (n < 0)
            return false;
        out->at[out->count] = (uint16_t)used;
        out->raw_at[out->count++] = (uint16_t)at;
        used += (size_t)n + 1;
        at += len + 1;
    }
    return true;
}

// Adds the keys whose first `places` segments follow `mask`: bit set, a literal.
static void add_key(const route_path_t *path, int places, unsigned mask, bool tail,
                    route_keys_t *out)
{
    if (out->count == ROUTE_KEYS)
        return;
    size_t start = out->text.len;
    for (int i = 0; i < places; i++) {
        if (i)
            buf_addc(&out->text, '/');
        buf_adds(&out->text, mask >> i & 1 ? path->text + path->at[i] : "{}");
    }
    if (tail)
        buf_adds(&out->text, "/*");
    if (!buf_failed(&out->text) && out->text.len - start >= ROUTE_TEXT) {
        out->text.len = start; // longer than any stored key
        return;
    }
    buf_addc(&out->text, '\0');
    out->at[out->count++] = (uint32_t)start;
}

int route_keys(const route_path_t *path, route_keys_t *out, err_t *err)
{
    *out = (route_keys_t){.text = BUF_INIT((size_t)ROUTE_KEYS * (ROUTE_PATH + ROUTE_TEXT))};
    // Only a segment of literal characters can be a literal of a pattern.
    unsigned literal = 0;
    for (int i = 0; i < path->count && i < ROUTE_SEGMENTS; i++) {
        const char *text = path->text + path->at[i];
        if (is_literal(text, strlen(text)))
            literal |= 1U << i;
    }
    for (int places = 1; places <= path->count && places <= ROUTE_SEGMENTS; places++) {
        for (unsigned mask = 0; mask < 1U << places; mask++) {
            if (mask & ~literal)
                continue;
            add_key(path, places, mask, true, out);
            if (places == path->count)
                add_key(path, places, mask, false, out);
        }
    }
    if (buf_failed(&out->text)) {
        route_keys_free(out);
        return err_set(err, ERR_INTERNAL, "out of memory");
    }
    return 0;
}

void route_keys_free(route_keys_t *keys)
{
    buf_free(&keys->text);
    keys->count = 0;
}

bool route_match(const route_t *route, const route_path_t *path, route_params_t *params)
{
    if (route->tail ? path->count < route->count : path->count != route->count)
        return false;
    route_params_t found = {.count = 0};
    for (int i = 0; i < route->count; i++) {
        const char *name = route->text + route->seg[i].at;
        const char *value = path->text + path->at[i];
        if (route->seg[i].param)
            found.items[found.count++] = (route_param_t){name, route->seg[i].len, value};
        else if (strlen(value) != route->seg[i].len || memcmp(name, value, route->seg[i].len) != 0)
            return false;
    }
    if (route->tail)
        found.items[found.count++] = (route_param_t){
            "*", 1, path->count > route->count ? path->raw + path->raw_at[route->count] : ""};
    if (params)
        *params = found;
    return true;
}
