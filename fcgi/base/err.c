#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fill(err_t *err, err_code_t code, const char *fmt, va_list ap)
{
    if (!err)
        return;
    err->code = code;
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

int err_set(err_t *err, err_code_t code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_errno(err_t *err, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    fill(err, ERR_INTERNAL, fmt, ap);
    va_end(ap);
    if (err) {
        size_t used = strlen(err->msg);
        char text[96];
        snprintf(err->msg + used, sizeof err->msg - used, ": %s",
                 strerror_r(saved, text, sizeof text));
    }
    errno = saved;
    return -1;
}

int err_wrap(err_t *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    char inner[sizeof err->msg];
    memcpy(inner, err->msg, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    fill(err, err->code, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, ": %.*s", (int)(sizeof inner - 1), inner);
    return -1;
}

const char *err_code_name(err_code_t code)
{
    switch (code) {
    case ERR_NONE:
        return "ok";
#define X(name, text) \
    case name:        \
        return text;
        ERR_CODES(X)
#undef X
    }
    return "internal";
}
