// Routes: patterns such as `shop/{id}/files/*`, and which of them answers a path.
//
// A pattern has 1 to 8 segments, each of [A-Za-z0-9._~-] or a {param}, and may end in `/*`, which takes
// the rest of the path, also an empty one. a/{x} and a/{y} are one route: both have the key `a/{}`.
// At each segment, from the left, a literal is more specific than a param and a param than `*`; a
// pattern that ends there is more specific than one that goes on with `*`.
#ifndef CLOCHE_CORE_ROUTE_H
#define CLOCHE_CORE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    ROUTE_SEGMENTS = 8,
    ROUTE_TEXT = 256,  // a pattern or key with its NUL
    ROUTE_PATH = 4096, // a path with its NUL
    ROUTE_PATH_SEGMENTS = 128,
    ROUTE_KEYS = 768, // most keys that route_keys makes
};

typedef struct {
    char text[ROUTE_TEXT]; // without the leading slash
    int count;             // segments, `*` not counted
    bool tail;             // ends in /*
    struct {
        uint16_t at, len; // in text; a param's name without braces
        bool param;
    } seg[ROUTE_SEGMENTS];
} route_t;

// Parses a pattern; one leading slash is dropped. ERR_INVALID names the rule ("must ...").
int route_parse(const char *text, route_t *out, err_t *err) MUSTCHECK;

// The unique key of the pattern: the same for patterns that match the same paths.
void route_key(const route_t *route, char out[ROUTE_TEXT]);

// Greater is more specific; for patterns that match the same path the ranks differ.
uint32_t route_rank(const route_t *route);

// A request's path below /fn/, split and percent-decoded.
typedef struct {
    char text[ROUTE_PATH]; // decoded segments, each with its NUL
    char raw[ROUTE_PATH];  // the path as given, without the leading slash
    int count;
    uint16_t at[ROUTE_PATH_SEGMENTS];     // in text
    uint16_t raw_at[ROUTE_PATH_SEGMENTS]; // in raw
} route_path_t;

// `path` is still percent-encoded and has no query; one leading and one trailing slash are dropped.
// False for what no route answers: empty, `.` and `..` segments (also encoded), bad escapes, NUL,
// control characters, invalid UTF-8, or more than fits.
bool route_path(const char *path, route_path_t *out);

// Keys of all patterns that could match the path, for a look-up by key. Free with route_keys_free.
typedef struct {
    buf_t text;
    int count;
    uint32_t at[ROUTE_KEYS]; // in text.data, each with its NUL
} route_keys_t;

int route_keys(const route_path_t *path, route_keys_t *out, err_t *err) MUSTCHECK;
void route_keys_free(route_keys_t *keys);

// A matched param. Name and value point into the route and the path and live as long as these.
typedef struct {
    const char *name; // not terminated: name_len; `*` for the rest of the path
    size_t name_len;
    const char *value; // terminated; decoded, but the rest of the path is as it was sent
} route_param_t;

typedef struct {
    route_param_t items[ROUTE_SEGMENTS + 1];
    int count;
} route_params_t;

// Whether the pattern matches; fills params (may be NULL) if it does.
bool route_match(const route_t *route, const route_path_t *path, route_params_t *params);

#endif
