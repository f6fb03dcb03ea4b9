#include "service/route_cache.h"

#include <pthread.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/lease.h"

enum {
    ENTRIES_MAX = 1024,
    BYTES_MAX = 16 * 1024 * 1024, // of code
    // While the database is away, one request of a path finds that out (which takes a while) this often.
    AWAY_MS = 5000,
};

typedef struct {
    char *path;
    cached_function_t *row;
    int64_t edition; // of the routes, known before it was read
    int64_t expires_ns;
    bool refreshing; // one thread reads it again; the others use what is here
    UT_hash_handle hh;
} entry_t;

struct route_cache {
    db_pool_t *pool;
    int64_t ttl_ns;
    pthread_mutex_t lock;
    int64_t edition;  // newest known
    entry_t *entries; // by path; the one read longest ago comes first
    size_t bytes;
};

int route_cache_open(db_pool_t *pool, int64_t ttl_ms, route_cache_t **out, err_t *err)
{
    route_cache_t *cache = calloc(1, sizeof *cache);
    if (!cache)
        return err_set(err, ERR_INTERNAL, "out of memory for the cache of functions");
    cache->pool = pool;
    cache->ttl_ns = ttl_ms * 1000000;
    cache->edition = EDITION_UNKNOWN;
    pthread_mutex_init(&cache->lock, NULL);
    *out = cache;
    return 0;
}

void route_cache_put(cached_function_t *row)
{
    if (__atomic_sub_fetch(&row->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    function_free(&row->function);
    free(row);
}

static cached_function_t *hold(cached_function_t *row)
{
    __atomic_add_fetch(&row->refs, 1, __ATOMIC_RELAXED);
    return row;
}

// ---- entries, all under the lock

static void forget(route_cache_t *cache, entry_t *entry)
{
    HASH_DEL(cache->entries, entry);
    cache->bytes -= entry->row->function.code_len;
    route_cache_put(entry->row);
    free(entry->path);
    free(entry);
}

static entry_t *find(route_cache_t *cache, const char *path)
{
    entry_t *entry;
    HASH_FIND_STR(cache->entries, path, entry);
    return entry;
}

static void make_room(route_cache_t *cache, size_t bytes)
{
    while (cache->entries &&
           (HASH_COUNT(cache->entries) >= ENTRIES_MAX || cache->bytes + bytes > BYTES_MAX))
        forget(cache, cache->entries);
}

static void insert(route_cache_t *cache, const char *path, cached_function_t *row, int64_t edition)
{
    make_room(cache, row->function.code_len);
    entry_t *entry = calloc(1, sizeof *entry);
    char *key = strdup(path);
    if (!entry || !key) {
        free(entry);
        free(key);
        return;
    }
    entry->path = key;
    entry->row = hold(row);
    entry->edition = edition;
    entry->expires_ns = clock_mono_ns() + cache->ttl_ns;
    cache->bytes += row->function.code_len;
    HASH_ADD_KEYPTR(hh, cache->entries, entry->path, strlen(entry->path), entry);
}

// ---- reading

static cached_function_t *read_row(route_cache_t *cache, const route_path_t *path, err_t *err)
{
    cleanup_db db_t *db = db_get(cache->pool, err);
    if (!db)
        return NULL;
    cached_function_t *row = calloc(1, sizeof *row);
    if (!row) {
        err_set(err, ERR_INTERNAL, "out of memory for a function");
        return NULL;
    }
    row->refs = 1;
    if (function_by_path(db, path, &row->function, err) == 0 &&
        route_parse(row->function.route, &row->route, err) == 0)
        return row;
    route_cache_put(row);
    return NULL;
}

// A row that may be used without asking, or NULL: then the caller reads it.
static cached_function_t *take_cached(route_cache_t *cache, const char *path, bool fresh,
                                      int64_t *edition)
{
    cached_function_t *row = NULL;
    pthread_mutex_lock(&cache->lock);
    *edition = cache->edition;
    entry_t *entry = find(cache, path);
    if (entry && !fresh && entry->edition == cache->edition) {
        bool expired = clock_mono_ns() >= entry->expires_ns;
        if (!expired || (entry->refreshing && cache->ttl_ns))
            row = hold(entry->row);
        else
            entry->refreshing = true;
    }
    pthread_mutex_unlock(&cache->lock);
    return row;
}

static void keep(route_cache_t *cache, const char *path, cached_function_t *row, int64_t edition)
{
    pthread_mutex_lock(&cache->lock);
    entry_t *entry = find(cache, path);
    if (entry)
        forget(cache, entry);
    if (row)
        insert(cache, path, row, edition);
    pthread_mutex_unlock(&cache->lock);
}

// The database could not say: the row that is here goes on, if there is one.
static cached_function_t *take_expired(route_cache_t *cache, const char *path, int64_t *edition,
                                       const err_t *why)
{
    cached_function_t *row = NULL;
    pthread_mutex_lock(&cache->lock);
    *edition = cache->edition;
    entry_t *entry = find(cache, path);
    if (entry) {
        entry->refreshing = false;
        entry->edition = cache->edition;
        entry->expires_ns = clock_mono_ns() + (int64_t)AWAY_MS * 1000000;
        row = hold(entry->row);
    }
    pthread_mutex_unlock(&cache->lock);
    if (row)
        log_fail(LOG_WARN, "a function is served from memory", why, "function", row->function.id,
                 NULL);
    return row;
}

int route_cache_get(route_cache_t *cache, const route_path_t *path, bool fresh,
                    cached_function_t **out, int64_t *edition, err_t *err)
{
    cached_function_t *row = take_cached(cache, path->raw, fresh, edition);
    if (!row) {
        err_t why;
        row = read_row(cache, path, &why);
        if (row || why.code == ERR_NO_ROUTE)
            keep(cache, path->raw, row, *edition);
        else
            row = take_expired(cache, path->raw, edition, &why);
        if (!row) {
            *err = why;
            return -1;
        }
    }
    *out = row;
    return 0;
}

void route_cache_renew(route_cache_t *cache, int64_t edition)
{
    pthread_mutex_lock(&cache->lock);
    if (edition > cache->edition)
        cache->edition = edition;
    pthread_mutex_unlock(&cache->lock);
}

void route_cache_drop(route_cache_t *cache, const char *function_id)
{
    pthread_mutex_lock(&cache->lock);
    entry_t *entry, *next;
    HASH_ITER (hh, cache->entries, entry, next)
        if (str_eq(entry->row->function.id, function_id))
            forget(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

void route_cache_close(route_cache_t *cache)
{
    if (!cache)
        return;
    entry_t *entry, *next;
    HASH_ITER (hh, cache->entries, entry, next)
        forget(cache, entry);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
