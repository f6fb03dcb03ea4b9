// A growing byte buffer with a ceiling that is stated when it is made.
//
// Appending past the ceiling, or running out of memory, fails and marks the buffer: later appends fail
// too, so a writer may append many times and check once with buf_failed. The content is always
// followed by a NUL that is not counted.
#ifndef CLOCHE_BASE_BUF_H
#define CLOCHE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct {
    char *data; // never NULL after a successful append; owned by the buffer
    size_t len;
    size_t cap;
    size_t max; // ceiling of len
    bool failed;
} buf_t;

#define BUF_INIT(ceiling) ((buf_t){.max = (ceiling)})

// Frees the content. The buffer may be used again with the same ceiling.
void buf_free(buf_t *b);
// Forgets the content and the failure mark, keeps the memory.
void buf_reset(buf_t *b);
// Each returns 0, or -1 when the buffer has failed.
int buf_add(buf_t *b, const void *data, size_t len);
int buf_adds(buf_t *b, const char *text);
int buf_addc(buf_t *b, char c);
int buf_addi(buf_t *b, int64_t value); // in decimal
int buf_addf(buf_t *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Makes room for `len` more bytes and returns where they go, or NULL; buf_grew counts them in.
char *buf_room(buf_t *b, size_t len);
void buf_grew(buf_t *b, size_t len);
// Drops the first `len` bytes.
void buf_drop(buf_t *b, size_t len);
// The content as a string ("" when empty).
const char *buf_str(const buf_t *b);
// Hands the content to the caller, who frees it with free(); NULL if nothing was ever added.
char *buf_take(buf_t *b);

static inline bool buf_failed(const buf_t *b)
{
    return b->failed;
}

#endif
