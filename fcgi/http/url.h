// Percent-decoding and the name=value lists made of it: queries, forms and cookies.
#ifndef CLOCHE_HTTP_URL_H
#define CLOCHE_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

typedef struct {
    const char *name, *value;
} pair_t;

// A list in order. The texts and the items live in the arena they were made in.
typedef struct {
    pair_t *items;
    size_t count, room;
} pairs_t;

enum { PAIRS_MAX = 1000 };

// Appends a pair; the texts are borrowed. ERR_BAD_REQUEST over PAIRS_MAX.
int pairs_add(pairs_t *list, arena_t *arena, const char *name, const char *value,
              err_t *err) MUSTCHECK;
// Value of the first pair of that name, or NULL.
const char *pairs_get(const pairs_t *list, const char *name);
// Whether an earlier pair has the name of the one at `index`.
bool pairs_seen(const pairs_t *list, size_t index);

// Decodes %XX, and `+` as a blank if asked to, into a text of its own. ERR_BAD_REQUEST for a broken
// escape, a NUL, or what is not UTF-8 afterwards.
const char *url_decode(arena_t *arena, const char *text, size_t len, bool plus,
                       err_t *err) MUSTCHECK;

// Reads "a=1&b=2", the form of queries and urlencoded bodies, into `out`.
int url_pairs(arena_t *arena, const char *text, size_t len, pairs_t *out, err_t *err) MUSTCHECK;

#endif
