// Functions by path, against a real database that changes, stops and comes back.
#include "service/route_cache.h"

#include <pthread.h>

#include "accounts.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "core/crypto.h"
#include "core/lease.h"
#include "service/functions.h"

enum { LONG_MS = 60000 };

static config_t config = {.public_url = "http://127.0.0.1:8080"};
static functions_t functions;
static access_t ann;

static void make(const char *name, const char *route, char id[ID_TEXT])
{
    char body[400];
    err_t err = {0};
    field_errors_t errors = {0};
    cleanup_function function_t f = {0};
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"route\":\"%s\",\"language\":\"python\",\"code\":\"one\"}", name,
             route);
    if (functions_create(&functions, &ann, body, strlen(body), &f, &errors, &err) < 0)
        fail_msg("%s", err.msg);
    str_copy(id, ID_TEXT, f.id);
}

static void change_code(const char *id)
{
    static const char body[] = "{\"code\":\"two\"}";
    field_errors_t errors = {0};
    cleanup_function function_t f = {0};
    err_t err = {0};
    if (functions_patch(&functions, &ann, id, FUNCTION_ANY_REVISION, body, strlen(body), &f,
                        &errors, &err) < 0)
        fail_msg("%s", err.msg);
}

static int look_up(route_cache_t *cache, const char *path, bool fresh, cached_function_t **row,
                   err_t *err)
{
    route_path_t p;
    int64_t edition;
    assert_true(route_path(path, &p));
    return route_cache_get(cache, &p, fresh, row, &edition, err);
}

static void assert_code(route_cache_t *cache, const char *path, bool fresh, const char *code)
{
    err_t err = {0};
    cleanup_cached_function cached_function_t *row = NULL;
    if (look_up(cache, path, fresh, &row, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    assert_string_equal(row->function.code, code);
}

static route_cache_t *open_cache(int64_t ttl_ms)
{
    route_cache_t *cache = NULL;
    assert_ok(route_cache_open(pool, ttl_ms, &cache, NULL));
    return cache;
}

// ---- tests

static void a_row_is_kept_for_its_time(void **state)
{
    (void)state;
    char id[ID_TEXT];
    make("kept", "kept", id);
    route_cache_t *kept = open_cache(LONG_MS), *brief = open_cache(0);
    assert_code(kept, "kept", false, "one");
    assert_code(brief, "kept", false, "one");
    change_code(id);
    assert_code(kept, "kept", false, "one");
    assert_code(brief, "kept", false, "two");
    assert_code(kept, "kept", true, "two");
    assert_code(kept, "kept", false, "two");
    route_cache_close(kept);
    route_cache_close(brief);
}

static void a_dropped_row_is_read_again_and_stays_with_its_holders(void **state)
{
    (void)state;
    char id[ID_TEXT];
    err_t err = {0};
    make("dropped", "dropped/{x}", id);
    route_cache_t *cache = open_cache(LONG_MS);
    cached_function_t *held = NULL;
    assert_ok(look_up(cache, "dropped/1", false, &held, &err));
    assert_code(cache, "dropped/2", false, "one");
    change_code(id);
    route_cache_drop(cache, id);
    assert_code(cache, "dropped/1", false, "two");
    assert_code(cache, "dropped/2", false, "two");
    assert_string_equal(held->function.code, "one");
    route_cache_close(cache);
    assert_string_equal(held->function.code, "one");
    route_cache_put(held);
}

static int64_t edition_of(route_cache_t *cache, const char *path)
{
    route_path_t p;
    err_t err;
    int64_t edition = 0;
    cleanup_cached_function cached_function_t *row = NULL;
    assert_true(route_path(path, &p));
    assert_ok(route_cache_get(cache, &p, false, &row, &edition, &err));
    return edition;
}

static void a_new_edition_is_looked_up_again(void **state)
{
    (void)state;
    char id[ID_TEXT];
    make("wide", "edition/{x}", id);
    route_cache_t *cache = open_cache(LONG_MS);
    assert_int_equal(edition_of(cache, "edition/1"), EDITION_UNKNOWN);
    route_cache_renew(cache, 7);
    assert_int_equal(edition_of(cache, "edition/1"), 7);
    change_code(id);
    make("narrow", "edition/2", id);
    assert_code(cache, "edition/1", false, "one"); // nobody told it
    route_cache_renew(cache, 5);
    assert_code(cache, "edition/1", false, "one"); // old news
    assert_int_equal(edition_of(cache, "edition/1"), 7);
    route_cache_renew(cache, 8);
    assert_code(cache, "edition/1", false, "two");
    assert_int_equal(edition_of(cache, "edition/2"), 8);
    route_cache_close(cache);
}

static void what_is_gone_is_forgotten(void **state)
{
    (void)state;
    char id[ID_TEXT];
    err_t err = {0};
    make("gone", "gone", id);
    route_cache_t *cache = open_cache(LONG_MS);
    assert_code(cache, "gone", false, "one");
    assert_ok(functions_delete(&functions, &ann, id, FUNCTION_ANY_REVISION, &err));
    cached_function_t *row = NULL;
    assert_fails(look_up(cache, "gone", true, &row, &err), err, ERR_NO_ROUTE);
    assert_fails(look_up(cache, "gone", false, &row, &err), err, ERR_NO_ROUTE);
    assert_fails(look_up(cache, "never", false, &row, &err), err, ERR_NO_ROUTE);
    route_cache_close(cache);
}

static void more_paths_than_it_keeps(void **state)
{
    (void)state;
    char id[ID_TEXT], path[32];
    make("many", "many/{n}", id);
    route_cache_t *cache = open_cache(LONG_MS);
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "many/%d", i);
        assert_code(cache, path, false, "one");
    }
    change_code(id);
    assert_code(cache, "many/0", false, "two");    // read longest ago, so no longer there
    assert_code(cache, "many/2999", false, "one"); // still there
    route_cache_close(cache);
}

typedef struct {
    route_cache_t *cache;
    const char *id;
} load_t;

static void *use_it(void *arg)
{
    const load_t *load = arg;
    route_path_t p;
    route_path("busy", &p);
    for (int i = 0; i < 300; i++) {
        err_t err;
        int64_t edition;
        cleanup_cached_function cached_function_t *row = NULL;
        if (route_cache_get(load->cache, &p, i % 50 == 0, &row, &edition, &err) < 0)
            return arg;
        if (i % 30 == 0)
            route_cache_renew(load->cache, edition + 1);
        if (i % 20 == 0)
            route_cache_drop(load->cache, load->id);
        if (!row->function.code || row->function.code_len != 3)
            return arg;
    }
    return NULL;
}

static void many_threads_share_it(void **state)
{
    (void)state;
    char id[ID_TEXT];
    make("busy", "busy", id);
    load_t load = {open_cache(1), id};
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_it, &load), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    route_cache_close(load.cache);
}

static void without_a_database_known_rows_go_on(void **state)
{
    (void)state;
    char id[ID_TEXT];
    err_t err = {0};
    make("away", "away", id);
    route_cache_t *cache = open_cache(0);
    assert_code(cache, "away", false, "one");
    database_end(&database, SIGTERM);
    assert_code(cache, "away", false, "one");
    assert_code(cache, "away", true, "one");
    route_cache_renew(cache, 9);
    assert_int_equal(edition_of(cache, "away"), 9);
    cached_function_t *row = NULL;
    assert_fails(look_up(cache, "other", false, &row, &err), err, ERR_UNAVAILABLE);
    database_launch(&database);
    database_wait(&database);
    usleep(300000); // the pool does not ask again at once
    change_code(id);
    assert_code(cache, "away", true, "two");
    route_cache_close(cache);
}

static int set_up(void **state)
{
    database_set_up(state);
    functions = (functions_t){.pool = pool, .config = &config};
    cleanup_db db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_kept_for_its_time),
        cmocka_unit_test(a_dropped_row_is_read_again_and_stays_with_its_holders),
        cmocka_unit_test(a_new_edition_is_looked_up_again),
        cmocka_unit_test(what_is_gone_is_forgotten),
        cmocka_unit_test(more_paths_than_it_keeps),
        cmocka_unit_test(many_threads_share_it),
        cmocka_unit_test(without_a_database_known_rows_go_on),
    };
    return RUN_DATABASE_TESTS(tests, set_up);
}
