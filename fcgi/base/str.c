#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int str_int(const char *text, int64_t min, int64_t max, int64_t *out, err_t *err)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t len = strspn(digits, "0123456789");
    errno = 0;
    long long value = len && digits[len] == '\0' ? strtoll(text, NULL, 10) : 0;
    if (!len || digits[len] != '\0')
        return err_set(err, ERR_INVALID, "must be a whole number");
    if (errno == ERANGE || value < min || value > max)
        return err_set(err, ERR_INVALID, "must be from %lld to %lld", (long long)min,
                       (long long)max);
    *out = value;
    return 0;
}

int str_number(const char *text, double min, double max, double *out, err_t *err)
{
    if (!text[0] || strspn(text, "0123456789+-.eE") != strlen(text))
        return err_set(err, ERR_INVALID, "must be a number");
    char *end = NULL;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return err_set(err, ERR_INVALID, "must be a number");
    if (value < min || value > max)
        return err_set(err, ERR_INVALID, "must be from %g to %g", min, max);
    *out = value;
    return 0;
}

bool str_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    bool fits = len < size;
    if (!fits)
        len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
    return fits;
}

// Length of the well-formed character at p (RFC 3629, section 4), or 0.
static size_t utf8_char(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;
    if (!len || len > left)
        return 0;
    unsigned char low = 0x80, high = 0xbf;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool str_utf8(const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    while (len) {
        size_t n = utf8_char(p, len);
        if (!n)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

size_t str_utf8_cut(const char *data, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4) {
        start--;
        unsigned char c = (unsigned char)data[start];
        if ((c & 0xc0) != 0x80) {
            size_t need = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            return start + need <= len ? len : start;
        }
    }
    return len;
}

bool str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_eq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool str_istarts(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++)
        if (lower(*text) != lower(*prefix))
            return false;
    return true;
}

bool str_ieq(const char *a, const char *b)
{
    return lower(*a) == lower(*b) && strlen(a) == strlen(b) && str_istarts(a, b);
}

int str_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}
