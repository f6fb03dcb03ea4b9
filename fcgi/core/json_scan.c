#include "core/json_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

// A key between its quotes, as offsets into the text.
typedef struct {
    uint32_t at, len;
} span_t;

typedef struct {
    char bracket;     // '{' or '['
    size_t first_key; // of this object, in keys
} level_t;

typedef struct {
    const char *start, *p, *end;
    level_t levels[JSON_DEPTH];
    size_t depth;
    span_t *keys; // of all open objects, the innermost last
    size_t count, cap;
    json_flaw_t flaw;
    err_t *err;
} scan_t;

static int bad(const scan_t *s, const char *why)
{
    return err_set(s->err, ERR_INVALID_JSON, "not JSON at byte %zu: %s", (size_t)(s->p - s->start),
                   why);
}

static void note_flaw(scan_t *s, const char *rule)
{
    if (!s->flaw.rule)
        s->flaw = (json_flaw_t){rule, s->p};
}

size_t json_utf8_len(const char *p, size_t left)
{
    unsigned char c = (unsigned char)*p;
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return len <= left && str_utf8(p, len) ? len : 0;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

// The value of four hex digits at p, or -1.
static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = str_hex(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

// After a backslash.
static int scan_escape(scan_t *s)
{
    if (s->p == s->end)
        return bad(s, "the text ends in a string");
    if (*s->p != 'u') {
        if (!memchr("\"\\/bfnrt", *s->p, 8))
            return bad(s, "unknown escape");
        s->p++;
        return 0;
    }
    int unit = hex4(s->p + 1, s->end);
    if (unit < 0)
        return bad(s, "\\u needs four hex digits");
    bool high = unit >= 0xd800 && unit <= 0xdbff;
    s->p += 5;
    if (unit == 0)
        note_flaw(s, "must not contain NUL");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        note_flaw(s, "must not contain a lone surrogate");
    if (!high)
        return 0;
    int low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
    if (low >= 0xdc00 && low <= 0xdfff)
        s->p += 6;
    else
        note_flaw(s, "must not contain a lone surrogate");
    return 0;
}

static int scan_string(scan_t *s)
{
    if (s->p == s->end || *s->p != '"')
        return bad(s, "expected a string");
    for (s->p++; s->p < s->end;) {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20)
            return bad(s, "control character in a string");
        size_t len = json_utf8_len(s->p, (size_t)(s->end - s->p));
        if (!len)
            note_flaw(s, "must be UTF-8");
        s->p += len ? len : 1;
        if (c == '"')
            return 0;
        if (c == '\\' && scan_escape(s) < 0)
            return -1;
    }
    return bad(s, "the text ends in a string");
}

static int scan_number(scan_t *s)
{
    const char *first = s->p, *p = s->p;
    if (p < s->end && *p == '-')
        p++;
    if (!is_digit(p, s->end))
        return bad(s, "expected a value");
    if (*p == '0')
        p++;
    else
        while (is_digit(p, s->end))
            p++;
    if (p < s->end && *p == '.') {
        if (!is_digit(++p, s->end))
            return bad(s, "malformed number");
        while (is_digit(p, s->end))
            p++;
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        if (!is_digit(p, s->end))
            return bad(s, "malformed number");
        while (is_digit(p, s->end))
            p++;
    }
    char text[JSON_NUMBER + 1];
    size_t len = (size_t)(p - first);
    if (len > JSON_NUMBER)
        return bad(s, "number with too many digits");
    memcpy(text, first, len);
    text[len] = '\0';
    if (!isfinite(strtod(text, NULL)))
        return bad(s, "number out of range");
    s->p = p;
    return 0;
}

static int scan_word(scan_t *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return bad(s, "expected a value");
    s->p += len;
    return 0;
}

static int add_key(scan_t *s, const char *first)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 32;
        span_t *keys = realloc(s->keys, cap * sizeof *keys);
        if (!keys)
            return err_set(s->err, ERR_INTERNAL, "out of memory");
        s->keys = keys;
        s->cap = cap;
    }
    s->keys[s->count++] = (span_t){(uint32_t)(first + 1 - s->start), (uint32_t)(s->p - first - 2)};
    return 0;
}

// Takes the next code point out of a checked string, so that escaped and plain spellings of a key
// compare equal.
static uint32_t next_char(const char **p, const char *end)
{
    const unsigned char *c = (const unsigned char *)*p;
    if (*c == '\\') {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        if (c[1] != 'u') {
            *p += 2;
            return (uint32_t)to[strchr(from, c[1]) - from];
        }
        uint32_t unit = (uint32_t)hex4(*p + 2, end);
        *p += 6;
        if (unit < 0xd800 || unit > 0xdbff)
            return unit;
        uint32_t low = (uint32_t)hex4(*p + 2, end);
        *p += 6;
        return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    int more = c[0] < 0x80 ? 0 : c[0] < 0xe0 ? 1 : c[0] < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? c[0] : c[0] & (0x3fU >> more);
    for (int i = 1; i <= more; i++)
        value = value << 6 | (c[i] & 0x3fU);
    *p += 1 + more;
    return value;
}

static int compare_keys(const void *a, const void *b, void *scan)
{
    const span_t *x = a, *y = b;
    const scan_t *s = scan;
    const char *p = s->start + x->at, *p_end = p + x->len;
    const char *q = s->start + y->at, *q_end = q + y->len;
    while (p < p_end && q < q_end) {
        uint32_t c = next_char(&p, p_end), d = next_char(&q, q_end);
        if (c != d)
            return c < d ? -1 : 1;
    }
    return (p < p_end) - (q < q_end);
}

static int check_duplicates(scan_t *s, size_t first)
{
    size_t n = s->count - first;
    if (n < 2 || s->flaw.rule) // a flaw may be in a key, and the text is refused anyway
        return 0;
    qsort_r(s->keys + first, n, sizeof *s->keys, compare_keys, s);
    for (size_t i = first; i + 1 < s->count; i++)
        if (compare_keys(&s->keys[i], &s->keys[i + 1], s) == 0)
            return err_set(s->err, ERR_INVALID_JSON, "duplicate key \"%.*s\"",
                           (int)(s->keys[i].len < 64 ? s->keys[i].len : 64),
                           s->start + s->keys[i].at);
    return 0;
}

static int open_level(scan_t *s)
{
    if (s->depth == JSON_DEPTH)
        return bad(s, "nested too deeply");
    s->levels[s->depth++] = (level_t){*s->p++, s->count};
    return 0;
}

static int close_level(scan_t *s)
{
    level_t *level = &s->levels[s->depth - 1];
    if (*s->p != (level->bracket == '{' ? '}' : ']'))
        return bad(s, "expected a comma or a closing bracket");
    if (check_duplicates(s, level->first_key) < 0)
        return -1;
    s->p++;
    s->count = level->first_key;
    s->depth--;
    return 0;
}

static int scan_scalar(scan_t *s)
{
    switch (*s->p) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

static int scan_key(scan_t *s)
{
    const char *first = s->p;
    if (scan_string(s) < 0 || add_key(s, first) < 0)
        return -1;
    s->p = skip_blanks(s->p, s->end);
    if (s->p == s->end || *s->p != ':')
        return bad(s, "expected a colon");
    s->p++;
    return 0;
}

// What may come next. A list or object that has just been opened may close at once.
typedef enum { WANT_VALUE, WANT_KEY, OPENED, AFTER_VALUE, DONE } want_t;

static int step(scan_t *s, want_t *want)
{
    bool object = s->depth && s->levels[s->depth - 1].bracket == '{';
    char c = *s->p;
    switch (*want) {
    case OPENED:
        if (c == (object ? '}' : ']')) {
            *want = AFTER_VALUE;
            return close_level(s);
        }
        *want = object ? WANT_KEY : WANT_VALUE;
        return 0;
    case WANT_KEY:
        *want = WANT_VALUE;
        return scan_key(s);
    case WANT_VALUE:
        *want = c == '{' || c == '[' ? OPENED : AFTER_VALUE;
        return *want == OPENED ? open_level(s) : scan_scalar(s);
    case AFTER_VALUE:
        if (c != ',')
            return close_level(s);
        s->p++;
        *want = object ? WANT_KEY : WANT_VALUE;
        return 0;
    case DONE:
        break;
    }
    return bad(s, "more text after the value");
}

int json_scan(const char *text, size_t len, json_flaw_t *flaw, err_t *err)
{
    if (len > UINT32_MAX)
        return err_set(err, ERR_INVALID_JSON, "not JSON: too long");
    scan_t s = {.start = text, .p = text, .end = text + len, .err = err};
    want_t want = WANT_VALUE;
    int rc = 0;
    do {
        if (want == AFTER_VALUE && s.depth == 0)
            want = DONE;
        s.p = skip_blanks(s.p, s.end);
        if (s.p == s.end) {
            rc = want == DONE ? 0 : bad(&s, "the text ends too early");
            break;
        }
        rc = step(&s, &want);
    } while (rc == 0);
    free(s.keys);
    *flaw = s.flaw;
    return rc;
}

int json_check(const char *text, size_t len, err_t *err)
{
    json_flaw_t flaw;
    if (json_scan(text, len, &flaw, err) < 0)
        return -1;
    if (flaw.rule)
        return err_set(err, ERR_INVALID_JSON, "not JSON at byte %zu: %s", (size_t)(flaw.at - text),
                       flaw.rule);
    return 0;
}

bool json_passable(const char *text, size_t len)
{
    json_flaw_t flaw;
    return json_scan(text, len, &flaw, NULL) == 0 && str_utf8(text, len);
}

// ---- members of a checked object

int json_members(const char *text, size_t len, json_member_t *m)
{
    const char *end = text + len;
    const char *p = skip_blanks(text, end);
    if (p == end || *p != '{')
        return -1;
    *m = (json_member_t){.at = p + 1, .end = end};
    return 0;
}

// The end of the checked string at p.
static const char *past_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static const char *past_value(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = past_string(p);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0)
                return p;
            depth--;
            p++;
        } else if (depth == 0 && (*p == ',' || skip_blanks(p, end) != p)) {
            return p;
        } else {
            p++;
        }
    }
    return p;
}

bool json_member_next(json_member_t *m)
{
    const char *p = skip_blanks(m->at, m->end);
    if (*p == ',')
        p = skip_blanks(p + 1, m->end);
    if (*p == '}')
        return false;
    const char *key_end = past_string(p);
    m->key = (json_raw_t){p, (size_t)(key_end - p)};
    const char *value = skip_blanks(skip_blanks(key_end, m->end) + 1, m->end);
    const char *value_end = past_value(value, m->end);
    m->value = (json_raw_t){value, (size_t)(value_end - value)};
    m->at = value_end;
    return true;
}
