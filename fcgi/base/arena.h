// Memory that goes all at once: what belongs to one request is taken from its arena and never freed by
// piece. Like a buf, an arena has a ceiling that is stated when it is made.
#ifndef CLOCHE_BASE_ARENA_H
#define CLOCHE_BASE_ARENA_H

#include <stddef.h>

typedef struct {
    struct arena_block *blocks;
    size_t used; // bytes handed out
    size_t max;
} arena_t;

#define ARENA_INIT(ceiling) ((arena_t){.max = (ceiling)})

void arena_free(arena_t *a);
// Zeroed and aligned for any type; NULL over the ceiling or without memory.
void *arena_alloc(arena_t *a, size_t size);
// A copy of `len` bytes with a NUL behind it, or NULL.
char *arena_copy(arena_t *a, const char *data, size_t len);
char *arena_text(arena_t *a, const char *text);

#endif
