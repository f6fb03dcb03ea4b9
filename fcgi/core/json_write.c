#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/json_scan.h"

static void add_quoted(buf_t *b, const char *text, size_t len);

// What stands before a value: a comma unless it is the first, and its key.
static void before(buf_t *b, const char *key)
{
    char last = b->len ? b->data[b->len - 1] : '\n';
    if (last != '{' && last != '[' && last != '\n')
        buf_addc(b, ',');
    if (key) {
        add_quoted(b, key, strlen(key));
        buf_addc(b, ':');
    }
}

void json_begin(buf_t *b, const char *key, char bracket)
{
    before(b, key);
    buf_addc(b, bracket);
}

void json_end(buf_t *b, char bracket)
{
    buf_addc(b, bracket);
}

static void add_escaped(buf_t *b, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = strchr(from, c);
    if (at && c)
        buf_addf(b, "\\%c", to[at - from]);
    else
        buf_addf(b, "\\u%04x", (unsigned char)c);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void add_quoted(buf_t *b, const char *text, size_t len)
{
    buf_addc(b, '"');
    size_t from = 0, i = 0;
    while (i < len) {
        bool ascii = (unsigned char)text[i] < 0x80;
        size_t n = ascii ? is_plain(text[i]) : json_utf8_len(text + i, len - i);
        if (n) {
            i += n;
            continue;
        }
        buf_add(b, text + from, i - from);
        if (ascii)
            add_escaped(b, text[i]);
        else
            buf_adds(b, "\xef\xbf\xbd"); // U+FFFD
        from = ++i;
    }
    buf_add(b, text + from, len - from);
    buf_addc(b, '"');
}

void json_add_textn(buf_t *b, const char *key, const char *text, size_t len)
{
    if (!text) {
        json_add_null(b, key);
        return;
    }
    before(b, key);
    add_quoted(b, text, len);
}

void json_add_text(buf_t *b, const char *key, const char *text)
{
    json_add_textn(b, key, text, text ? strlen(text) : 0);
}

void json_add_int(buf_t *b, const char *key, int64_t value)
{
    before(b, key);
    buf_addi(b, value);
}

void json_add_real(buf_t *b, const char *key, double value)
{
    if (!isfinite(value)) {
        json_add_null(b, key);
        return;
    }
    char text[32];
    snprintf(text, sizeof text, "%.15g", value);
    double back = strtod(text, NULL);
    if (back < value || back > value)
        snprintf(text, sizeof text, "%.17g", value);
    before(b, key);
    buf_adds(b, text);
}

void json_add_bool(buf_t *b, const char *key, bool value)
{
    before(b, key);
    buf_adds(b, value ? "true" : "false");
}

void json_add_null(buf_t *b, const char *key)
{
    before(b, key);
    buf_adds(b, "null");
}

void json_add_raw(buf_t *b, const char *key, const char *json, size_t len)
{
    before(b, key);
    buf_add(b, json, len);
}

void json_add_time(buf_t *b, const char *key, int64_t wall_us)
{
    char text[CLOCK_TEXT];
    clock_format(wall_us, text);
    json_add_text(b, key, text);
}

void json_add_ms(buf_t *b, const char *key, int64_t us)
{
    if (us < 0)
        json_add_null(b, key);
    else
        json_add_real(b, key, (double)us / 1000);
}
