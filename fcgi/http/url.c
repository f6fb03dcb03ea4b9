#include "http/url.h"

#include <string.h>

#include "base/str.h"

static int out_of_room(err_t *err)
{
    return err_set(err, ERR_BAD_REQUEST, "the request line and headers are too large");
}

int pairs_add(pairs_t *list, arena_t *arena, const char *name, const char *value, err_t *err)
{
    if (list->count == PAIRS_MAX)
        return err_set(err, ERR_BAD_REQUEST, "more than %d parameters", PAIRS_MAX);
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        pair_t *items = arena_alloc(arena, room * sizeof *items);
        if (!items)
            return out_of_room(err);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (pair_t){name, value};
    return 0;
}

const char *pairs_get(const pairs_t *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return list->items[i].value;
    return NULL;
}

bool pairs_seen(const pairs_t *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (str_eq(list->items[i].name, list->items[index].name))
            return true;
    return false;
}

const char *url_decode(arena_t *arena, const char *text, size_t len, bool plus, err_t *err)
{
    char *out = arena_copy(arena, text, len);
    if (!out) {
        out_of_room(err);
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = len - i > 2 ? str_hex(text[i + 1]) : -1;
            int low = high >= 0 ? str_hex(text[i + 2]) : -1;
            if (low < 0) {
                err_set(err, ERR_BAD_REQUEST, "a %% that does not start an escape such as %%20");
                return NULL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0') {
            err_set(err, ERR_BAD_REQUEST, "a NUL in the URL or form");
            return NULL;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    if (!str_utf8(out, used)) {
        err_set(err, ERR_BAD_REQUEST, "a URL or form that is not UTF-8");
        return NULL;
    }
    return out;
}

static int add_field(arena_t *arena, const char *text, size_t len, pairs_t *out, err_t *err)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    const char *name = url_decode(arena, text, name_len, true, err);
    if (!name)
        return -1;
    const char *value = "";
    if (equals)
        value = url_decode(arena, equals + 1, len - name_len - 1, true, err);
    return value ? pairs_add(out, arena, name, value, err) : -1;
}

int url_pairs(arena_t *arena, const char *text, size_t len, pairs_t *out, err_t *err)
{
    while (len) {
        const char *end = memchr(text, '&', len);
        size_t field = end ? (size_t)(end - text) : len;
        if (field && add_field(arena, text, field, out, err) < 0)
            return -1;
        size_t used = end ? field + 1 : field;
        text += used;
        len -= used;
    }
    return 0;
}
