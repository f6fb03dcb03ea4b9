#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 256 };

void buf_free(buf_t *b)
{
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_reset(buf_t *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_room(buf_t *b, size_t len)
{
    if (b->failed || len > b->max || b->len > b->max - len) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->len + len + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : FIRST_CAP;
        while (cap < need)
            cap *= 2;
        char *data = realloc(b->data, cap);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_grew(buf_t *b, size_t len)
{
    b->len += len;
    b->data[b->len] = '\0';
}

int buf_add(buf_t *b, const void *data, size_t len)
{
    char *room = buf_room(b, len);
    if (!room)
        return -1;
    if (len)
        memcpy(room, data, len);
    buf_grew(b, len);
    return 0;
}

int buf_adds(buf_t *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

int buf_addc(buf_t *b, char c)
{
    // JSON is full of them: where there is room, without a call.
    if (b->failed || b->len >= b->max || b->len + 1 >= b->cap)
        return buf_add(b, &c, 1);
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
    return 0;
}

int buf_addi(buf_t *b, int64_t value)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--p = '-';
    return buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

int buf_addf(buf_t *b, const char *fmt, ...)
{
    // What fits into the room that is there is written at once; else its length is known then.
    size_t there = b->failed || !b->cap ? 0 : b->cap - b->len;
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(there ? b->data + b->len : NULL, there, fmt, ap);
    va_end(ap);
    if (len < 0)
        b->failed = true;
    char *room = len < 0 ? NULL : buf_room(b, (size_t)len);
    if (!room) {
        if (there)
            b->data[b->len] = '\0';
        return -1;
    }
    if ((size_t)len >= there) {
        va_start(ap, fmt);
        vsnprintf(room, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    buf_grew(b, (size_t)len);
    return 0;
}

void buf_drop(buf_t *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
    } else {
        memmove(b->data, b->data + len, b->len - len);
        b->len -= len;
    }
    if (b->data)
        b->data[b->len] = '\0';
}

const char *buf_str(const buf_t *b)
{
    return b->data ? b->data : "";
}

char *buf_take(buf_t *b)
{
    char *data = b->data;
    *b = BUF_INIT(b->max);
    return data;
}
