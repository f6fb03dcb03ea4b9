#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

void arena_free(arena_t *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

static struct arena_block *block_with_room(arena_t *a, size_t size)
{
    struct arena_block *b = a->blocks;
    if (b && b->size - b->used >= size)
        return b;
    size_t payload = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    b = calloc(1, sizeof *b + payload);
    if (!b)
        return NULL;
    b->size = payload;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(arena_t *a, size_t size)
{
    if (size > a->max || a->used > a->max - size)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *b = block_with_room(a, size);
    if (!b)
        return NULL;
    void *at = b->data + b->used;
    b->used += size;
    a->used += size;
    return at;
}

char *arena_copy(arena_t *a, const char *data, size_t len)
{
    char *copy = arena_alloc(a, len + 1);
    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

char *arena_text(arena_t *a, const char *text)
{
    return arena_copy(a, text, strlen(text));
}
