// Fuzzes the route matcher: core/route.
//
// An input has three lines: two patterns and a path. What must hold whatever they are is checked with assert.
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "core/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_TEXT = 2 * ROUTE_PATH };

// A pattern is told by its own text, and the key is a pattern's with its params unnamed.
static void check_pattern(const route_t *route, const char *key)
{
    route_t again;
    char key_again[ROUTE_TEXT];
    assert(route->count >= 1 && route->count <= ROUTE_SEGMENTS);
    assert(route_parse(route->text, &again, NULL) == 0);
    route_key(&again, key_again);
    assert(str_eq(key, key_again) && route_rank(route) == route_rank(&again));
    assert(strlen(key) <= strlen(route->text));
}

static void check_params(const route_t *route, const route_path_t *path,
                         const route_params_t *params)
{
    assert(params->count <= route->count + 1);
    for (int i = 0; i < params->count; i++) {
        const route_param_t *p = &params->items[i];
        const char *end = p->value + strlen(p->value);
        bool decoded = p->value >= path->text && end < path->text + sizeof path->text;
        bool raw = p->value >= path->raw && end < path->raw + sizeof path->raw;
        assert(p->name_len && (decoded || raw || !p->value[0]));
    }
}

static bool is_among(const route_keys_t *keys, const char *key)
{
    for (int i = 0; i < keys->count; i++)
        if (str_eq(keys->text.data + keys->at[i], key))
            return true;
    return false;
}

// A pattern matches exactly when its key is one of the path's.
static bool matches(const route_t *route, const char *key, const route_path_t *path,
                    const route_keys_t *keys)
{
    route_params_t params;
    bool match = route_match(route, path, &params);
    assert(match == is_among(keys, key));
    if (match)
        check_params(route, path, &params);
    return match;
}

static void check_path(const route_path_t *path)
{
    assert(path->count >= 1 && path->count <= ROUTE_PATH_SEGMENTS);
    for (int i = 0; i < path->count; i++) {
        const char *segment = path->text + path->at[i];
        assert(segment[0] && !str_eq(segment, ".") && !str_eq(segment, ".."));
        assert(str_utf8(segment, strlen(segment)));
    }
}

static const char *line(const char **p, const char *end, char out[LINE_TEXT])
{
    const char *stop = memchr(*p, '\n', (size_t)(end - *p));
    size_t len = (size_t)((stop ? stop : end) - *p);
    if (len >= LINE_TEXT)
        len = LINE_TEXT - 1;
    memcpy(out, *p, len);
    out[len] = '\0';
    *p = stop ? stop + 1 : end;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char texts[3][LINE_TEXT];
    static route_path_t path;
    route_t routes[2];
    char key[2][ROUTE_TEXT];
    bool match[2];
    route_keys_t keys;
    const char *p = (const char *)data, *end = p + size;
    for (int i = 0; i < 2; i++) {
        if (route_parse(line(&p, end, texts[i]), &routes[i], NULL) < 0)
            return 0;
        route_key(&routes[i], key[i]);
        check_pattern(&routes[i], key[i]);
    }
    if (!route_path(line(&p, end, texts[2]), &path))
        return 0;
    check_path(&path);
    if (route_keys(&path, &keys, NULL) < 0)
        return 0;
    for (int i = 0; i < 2; i++)
        match[i] = matches(&routes[i], key[i], &path, &keys);
    // Of two that answer a path, one is more specific, unless they are the same route.
    if (match[0] && match[1])
        assert(str_eq(key[0], key[1]) == (route_rank(&routes[0]) == route_rank(&routes[1])));
    route_keys_free(&keys);
    return 0;
}
