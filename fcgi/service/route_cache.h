// Functions by request path: rows are kept for a while, so that a call needs no database.
//
// A row may be older than the truth by its time to live. The keeper knows better: it refuses (ERR_STALE) an
// older revision than the newest, and a path that was looked up before the last write to any function,
// since that may have made a route that fits better. The caller then drops the row, or tells the edition of
// which it heard, and asks again. While the database is away, rows go on being used. Bounded in number and
// bytes; all functions thread-safe.
#ifndef CLOCHE_SERVICE_ROUTE_CACHE_H
#define CLOCHE_SERVICE_ROUTE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/route.h"
#include "db/db.h"
#include "model/function.h"

typedef struct route_cache route_cache_t;

// A function as it was read. Shared: it stays as it is until the last holder puts it.
typedef struct {
    function_t function;
    route_t route;
    int refs; // the cache's own
} cached_function_t;

int route_cache_open(db_pool_t *pool, int64_t ttl_ms, route_cache_t **out, err_t *err) MUSTCHECK;
void route_cache_close(route_cache_t *cache);

// The function that answers the path, for the caller to put, and the edition of the routes in which it was
// found (core/lease.h). With `fresh` it is read now, for those who are about to refuse because of what a row
// says. ERR_NO_ROUTE, ERR_UNAVAILABLE.
int route_cache_get(route_cache_t *cache, const route_path_t *path, bool fresh,
                    cached_function_t **out, int64_t *edition, err_t *err) MUSTCHECK;
void route_cache_put(cached_function_t *row);

// What was looked up before this edition is to be looked up again.
void route_cache_renew(route_cache_t *cache, int64_t edition);

// Forgets what is known of the function. Holders keep their rows.
void route_cache_drop(route_cache_t *cache, const char *function_id);

static inline void route_cache_cleanup_fn(cached_function_t **row)
{
    if (*row)
        route_cache_put(*row);
}
#define cleanup_cached_function __attribute__((cleanup(route_cache_cleanup_fn)))

#endif
