// Metrics against the records they count, in a real database: all levels and scopes agree with a plain sum
// over the rows, whatever happens between.
#include "model/metric.h"

#include <pthread.h>

#include "accounts.h"
#include "base/cleanup.h"
#include "core/crypto.h"

enum { FUNCTIONS = 3, OWNERS = 2, BATCH_MAX = 128, TWO_DAYS_MS = 2 * 86400000 };

static access_t owners[OWNERS], admin;
static char functions[FUNCTIONS][ID_TEXT]; // of owners[i % OWNERS]

static const char *const ERROR_TYPES[] = {"ValueError", "Timeout", "Größe", "a\"b"};

// An id of a moment in the last so many milliseconds.
static void id_at(char out[ID_TEXT], int64_t last_ms, uint32_t *random)
{
    uint8_t bytes[ID_BYTES];
    int64_t ms = clock_wall_us() / 1000 - (int64_t)test_random(random) * 10 % last_ms;
    id_new(out);
    id_to_bytes(out, bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id_from_bytes(bytes, out);
}

static int64_t maybe(uint32_t *random, uint32_t below)
{
    return test_random(random) % 5 ? (int64_t)(test_random(random) % below) : -1;
}

static invocation_t random_call(int64_t last_ms, uint32_t *random)
{
    int f = (int)(test_random(random) % FUNCTIONS);
    invocation_t inv = {
        .runtime = (runtime_t)(test_random(random) % RUNTIME_COUNT),
        .start = (int)(test_random(random) % 4) - 1,
        .status = (invocation_status_t)(test_random(random) % METRIC_STATUS_COUNT),
        .http_status = 200,
        .function_name = "f",
        .queue_us = maybe(random, 5000),
        .init_us = maybe(random, 100000),
        .run_us = maybe(random, 3000000),
        .total_us = maybe(random, 4000000),
        .cpu_us = maybe(random, 100000),
        .memory_peak_bytes = maybe(random, 1 << 23) * 8,
        .request_bytes = maybe(random, 1000),
        .response_bytes = maybe(random, 1000),
    };
    if (inv.memory_peak_bytes < 0)
        inv.memory_peak_bytes = -1;
    if (inv.status != INVOCATION_OK)
        inv.error_type = strdup(ERROR_TYPES[test_random(random) % COUNT(ERROR_TYPES)]);
    id_at(inv.id, last_ms, random);
    memcpy(inv.function_id, functions[f], ID_TEXT);
    memcpy(inv.owner_id, owners[f % OWNERS].user_id, ID_TEXT);
    return inv;
}

// What happens to a batch.
typedef enum { COMMITTED, ROLLED_BACK, ANSWER_LOST, ENDINGS } ending_t;

static int store(db_t *db, const invocation_t *items, size_t count, ending_t ending, err_t *err)
{
    bool inserted[BATCH_MAX];
    if (db_begin(db, err) < 0 || invocation_insert(db, items, count, inserted, err) < 0 ||
        metric_store(db, items, inserted, count, err) < 0) {
        db_rollback(db);
        return -1;
    }
    if (ending == ROLLED_BACK)
        db_rollback(db);
    else if (db_commit(db, err) < 0)
        return -1;
    return ending == COMMITTED ? 0 : err_set(err, ERR_UNAVAILABLE, "no answer");
}

// As the journal does it: again and again until there is an answer that it is done.
static void store_until_done(const invocation_t *items, size_t count, uint32_t *random)
{
    err_t err = {0};
    for (;;) {
        cleanup_db db_t *db = db_get(pool, &err);
        assert_non_null(db);
        if (store(db, items, count, (ending_t)(test_random(random) % ENDINGS), &err) == 0)
            return;
        if (err.code != ERR_UNAVAILABLE)
            fail_msg("%s", err.msg);
    }
}

static void store_batches(uint32_t seed, int batches)
{
    uint32_t random = seed;
    for (int b = 0; b < batches; b++) {
        invocation_t items[BATCH_MAX];
        size_t count = 1 + test_random(&random) % (b % 7 ? 6 : BATCH_MAX);
        // Some batches are of one moment, as when one function is called a lot.
        int64_t last_ms = b % 14 ? TWO_DAYS_MS : 1000;
        for (size_t i = 0; i < count; i++)
            items[i] = random_call(last_ms, &random);
        store_until_done(items, count, &random);
        for (size_t i = 0; i < count; i++)
            invocation_free(&items[i]);
    }
}

// ---- the plain reference

static int64_t ask(const char *sql)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, NULL);
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, &err);
    if (!rows || db_next(rows, NULL) != 1)
        fail_msg("%s: %s", sql, err.msg);
    return db_get_int(rows, 0);
}

typedef struct {
    metric_t sum;
    metric_level_t level;
} reading_t;

static metric_t *place(void *ctx, const metric_key_t *key)
{
    reading_t *r = ctx;
    int64_t seconds = metric_level_seconds(r->level);
    assert_true(seconds ? key->t % seconds == 0 : key->t == 0);
    return &r->sum;
}

static int read_all(const access_t *access, metric_level_t level, const char *scope, int runtime,
                    reading_t *out)
{
    err_t err = {0};
    const metric_filter_t filter = {
        .level = level, .scopes = &scope, .scope_count = 1, .to = UINT32_MAX, .runtime = runtime};
    *out = (reading_t){.level = level};
    cleanup_db db_t *db = db_get(pool, NULL);
    int rows = metric_read(db, access, &filter, place, out, &err);
    if (rows < 0)
        fail_msg("%s", err.msg);
    return rows;
}

static int add_raw(db_t *db, const char *where, runtime_t runtime, metric_t *out)
{
    cleanup_buf buf_t sql = BUF_INIT(4096);
    buf_addf(&sql,
             "SELECT id, status + 0, start + 0, queue_us, init_us, run_us, total_us, cpu_us,"
             " memory_peak_bytes, request_bytes, response_bytes, error_type"
             " FROM invocations WHERE %s AND runtime = '%s'",
             where, runtime_name(runtime));
    cleanup_db_rows db_rows_t *rows = db_query(db, buf_str(&sql), DB_NO_PARAMS, NULL);
    assert_non_null(rows);
    int count = 0;
    for (; db_next(rows, NULL) > 0; count++) {
        invocation_t inv = {.start = (int)db_get_int(rows, 2) - 1};
        int64_t *const figures[] = {&inv.queue_us,      &inv.init_us,       &inv.run_us,
                                    &inv.total_us,      &inv.cpu_us,        &inv.memory_peak_bytes,
                                    &inv.request_bytes, &inv.response_bytes};
        db_get_id(rows, 0, inv.id);
        inv.status = (invocation_status_t)(db_get_int(rows, 1) - 1);
        for (int i = 0; i < (int)COUNT(figures); i++)
            *figures[i] = db_is_null(rows, 3 + i) ? -1 : db_get_int(rows, 3 + i);
        bool failed = false;
        inv.error_type = db_get_copy(rows, 11, NULL, &failed);
        metric_add(out, &inv);
        invocation_free(&inv);
    }
    return count;
}

static int64_t error_count(const metric_t *m, const char *type)
{
    for (size_t i = 0; i < m->error_count; i++)
        if (strcmp(m->errors[i].type, type) == 0)
            return m->errors[i].count;
    return 0;
}

static void assert_same(const metric_t *a, const metric_t *b)
{
    assert_memory_equal(a->sums, b->sums, sizeof a->sums);
    assert_memory_equal(a->histograms, b->histograms, sizeof a->histograms);
    assert_int_equal(a->memory_max_bytes, b->memory_max_bytes);
    assert_memory_equal(a->last_id, b->last_id, ID_BYTES);
    assert_int_equal(a->last_status, b->last_status);
    assert_int_equal(a->error_count, b->error_count);
    for (size_t i = 0; i < a->error_count; i++)
        assert_int_equal(a->errors[i].count, error_count(b, a->errors[i].type));
}

static void assert_agrees(const char *scope, const char *where)
{
    for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
        metric_t raw = {0};
        cleanup_db db_t *db = db_get(pool, NULL);
        int calls = add_raw(db, where, (runtime_t)runtime, &raw);
        assert_int_equal(metric_requests(&raw), calls);
        for (int level = 0; level < LEVEL_COUNT; level++) {
            reading_t got;
            read_all(&admin, (metric_level_t)level, scope, runtime, &got);
            assert_same(&got.sum, &raw);
        }
    }
}

static void assert_all_agree(void)
{
    char where[160];
    assert_agrees(METRIC_SYSTEM, "1 = 1");
    for (int f = 0; f < FUNCTIONS; f++) {
        snprintf(where, sizeof where, "function_id = unhex(replace('%s', '-', ''))", functions[f]);
        assert_agrees(functions[f], where);
    }
    for (int o = 0; o < OWNERS; o++) {
        snprintf(where, sizeof where, "owner_id = unhex(replace('%s', '-', ''))",
                 owners[o].user_id);
        assert_agrees(owners[o].user_id, where);
    }
}

// ---- tests

static void all_levels_agree_with_the_records(void **state)
{
    (void)state;
    store_batches(11, 60);
    assert_true(ask("SELECT COUNT(*) FROM invocations") > 200);
    assert_true(ask("SELECT COUNT(*) FROM metric_minute") > 200);
    assert_all_agree();
}

static void *store_many(void *seed)
{
    store_batches(*(uint32_t *)seed, 40);
    return NULL;
}

static void several_writers_at_once_agree_too(void **state)
{
    (void)state;
    pthread_t threads[4];
    static uint32_t seeds[COUNT(threads)] = {21, 22, 23, 24};
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, store_many, &seeds[i]), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_all_agree();
}

static void a_batch_may_hold_many_functions(void **state)
{
    (void)state;
    uint32_t random = 31;
    invocation_t items[BATCH_MAX];
    for (int i = 0; i < BATCH_MAX; i++) {
        items[i] = random_call(TWO_DAYS_MS, &random);
        id_new(items[i].function_id);
    }
    store_until_done(items, BATCH_MAX, &random);
    for (int i = 0; i < BATCH_MAX; i++) {
        reading_t got;
        assert_int_equal(read_all(&admin, LEVEL_DAY, items[i].function_id, -1, &got), 1);
        assert_int_equal(metric_requests(&got.sum), 1);
        invocation_free(&items[i]);
    }
    assert_agrees(METRIC_SYSTEM, "1 = 1");
}

static void one_sees_only_ones_own(void **state)
{
    (void)state;
    reading_t got;
    assert_true(read_all(&owners[0], LEVEL_TOTAL, functions[0], -1, &got) > 0);
    assert_int_equal(read_all(&owners[1], LEVEL_TOTAL, functions[0], -1, &got), 0);
    assert_int_equal(read_all(&owners[1], LEVEL_TOTAL, owners[0].user_id, -1, &got), 0);
    assert_int_equal(read_all(&owners[1], LEVEL_TOTAL, METRIC_SYSTEM, -1, &got), 0);
    access_t blind = admin;
    blind.scopes &= ~(uint32_t)SCOPE_METRICS_READ;
    assert_int_equal(read_all(&blind, LEVEL_TOTAL, METRIC_SYSTEM, -1, &got), 0);
}

static void only_so_many_error_types_are_named(void **state)
{
    (void)state;
    metric_t m = {0}, other = {0}, all = {0};
    char type[300];
    for (int i = 0; i < 100; i++) {
        snprintf(type, sizeof type, "E%d", i);
        metric_add_error(i % 2 ? &m : &other, type, 1);
    }
    assert_int_equal(m.error_count, METRIC_ERRORS_MAX);
    assert_int_equal(error_count(&m, METRIC_OTHER_ERROR), 50 - (METRIC_ERRORS_MAX - 1));
    assert_int_equal(error_count(&m, "E1"), 1);
    metric_merge(&all, &m);
    metric_merge(&all, &other);
    int64_t sum = 0;
    for (size_t i = 0; i < all.error_count; i++)
        sum += all.errors[i].count;
    assert_int_equal(sum, 100);
    assert_int_equal(all.error_count, METRIC_ERRORS_MAX);

    metric_t cut = {0};
    memset(type, 'x', sizeof type);
    memcpy(type + 63, "é", 2);
    type[299] = '\0';
    metric_add_error(&cut, type, 1);
    assert_int_equal(strlen(cut.errors[0].type), 63);
}

static int start(void **state)
{
    database_set_up(state);
    db_t *db = db_get(pool, NULL);
    owners[0] = make_user(db, "ann", ROLE_DEVELOPER);
    owners[1] = make_user(db, "bob", ROLE_DEVELOPER);
    admin = make_user(db, "root", ROLE_ADMIN);
    db_put(db);
    for (int i = 0; i < FUNCTIONS; i++)
        id_new(functions[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_levels_agree_with_the_records),
        cmocka_unit_test(several_writers_at_once_agree_too),
        cmocka_unit_test(a_batch_may_hold_many_functions),
        cmocka_unit_test(one_sees_only_ones_own),
        cmocka_unit_test(only_so_many_error_types_are_named),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
