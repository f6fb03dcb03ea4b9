// What is another's, and what is not there: the same answer, after the same work.
#include "accounts.h"
#include "base/cleanup.h"
#include "model/metric.h"
#include "service/functions.h"
#include "service/metrics.h"
#include "service/records.h"

enum { DAYS = 300, DAY_S = 86400, VERSIONS = 50, MUCH = 1000000 };

static config_t config = {.public_url = "http://127.0.0.1:8080"};
static functions_t functions;
static access_t ann, bob;                                 // developers
static char function_id[ID_TEXT], invocation_id[ID_TEXT]; // ann's

// Pages of the database that a call asked for: what its time depends on.
static int64_t pages_read(void)
{
    static const char sql[] =
        "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status"
        " WHERE variable_name = 'INNODB_BUFFER_POOL_READ_REQUESTS'";
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, &err);
    assert_non_null(rows);
    assert_int_equal(db_next(rows, &err), 1);
    return db_get_int(rows, 0);
}

typedef int ask_t(db_t *db, const char *id, err_t *err);

static int ask_function(db_t *db, const char *id, err_t *err)
{
    cleanup_function function_t f = {0};
    return function_get(db, &bob, SCOPE_FUNCTIONS_READ, id, &f, err);
}

static int ask_version(db_t *db, const char *id, err_t *err)
{
    cleanup_function_version function_version_t v = {0};
    return function_get_version(db, &bob, SCOPE_FUNCTIONS_READ, id, 1, &v, err);
}

static int ask_versions(db_t *db, const char *id, err_t *err)
{
    cleanup_function_version_page function_version_page_t page = {0};
    return function_versions(db, &bob, id, 100, NULL, &page, err);
}

static int ask_to_write(db_t *db, const char *id, err_t *err)
{
    return function_lock(db, &bob, id, err);
}

static int ask_invocation(db_t *db, const char *id, err_t *err)
{
    cleanup_invocation invocation_t inv = {0};
    return invocation_get(db, &bob, id, &inv, err);
}

static int ask_records(db_t *db, const char *id, err_t *err)
{
    (void)db;
    cleanup_invocation_page invocation_page_t page = {0};
    invocation_filter_t filter = INVOCATION_FILTER;
    filter.function_id = id;
    return records_list(pool, &bob, &filter, &page, err);
}

static int ask_metrics(db_t *db, const char *id, err_t *err)
{
    (void)db;
    const metrics_range_t range = {
        .from = 0, .to = (DAYS + 1) * DAY_S, .step = DAY_S, .runtime = -1};
    cleanup_buf buf_t out = BUF_INIT(1 << 20);
    return metrics_series(pool, &bob, id, &range, &out, err);
}

// How many pages the question takes now, with those that the server reads meanwhile for itself.
static int64_t pages_of(db_t *db, ask_t *ask, const char *id)
{
    err_t err = {0};
    int64_t before = pages_read();
    assert_fails(ask(db, id, &err), err, ERR_NOT_FOUND);
    int64_t read = pages_read() - before;
    assert_true(read > 0);
    return read;
}

static char *much(void)
{
    char *text = malloc(MUCH + 1);
    assert_non_null(text);
    memset(text, 'x', MUCH);
    text[MUCH] = '\0';
    return text;
}

static void make_function(void)
{
    cleanup_free char *code = much();
    cleanup_buf buf_t body = BUF_INIT(2 * MUCH);
    field_errors_t errors = {0};
    err_t err = {0};
    buf_addf(&body, "{\"name\":\"f\",\"route\":\"f\",\"language\":\"python\",\"code\":\"%s\"}",
             code);
    cleanup_function function_t f = {0};
    assert_ok(functions_create(&functions, &ann, buf_str(&body), body.len, &f, &errors, &err));
    memcpy(function_id, f.id, sizeof function_id);
    for (int i = 1; i < VERSIONS; i++) {
        cleanup_function function_t next = {0};
        char note[32];
        int len = snprintf(note, sizeof note, "{\"note\":\"%d\"}", i);
        assert_ok(functions_patch(&functions, &ann, function_id, FUNCTION_ANY_REVISION, note,
                                  (size_t)len, &next, &errors, &err));
    }
}

// One a day, so that there are as many rows of metrics.
static void make_records(void)
{
    err_t err = {0};
    cleanup_free char *input = much();
    cleanup_db db_t *db = db_get(pool, &err);
    for (int day = 1; day <= DAYS; day++) {
        bool inserted;
        invocation_t inv = {.function_name = "f",
                            .version = 1,
                            .http_status = 200,
                            .memory_mb = 128,
                            .input_kind = INPUT_TEXT,
                            .input = day == 1 ? input : NULL,
                            .input_len = day == 1 ? MUCH : 0};
        id_bound(day * DAY_S * 1000LL, inv.id);
        memcpy(inv.function_id, function_id, sizeof inv.function_id);
        memcpy(inv.owner_id, ann.user_id, sizeof inv.owner_id);
        if (day == 1)
            memcpy(invocation_id, inv.id, sizeof invocation_id);
        assert_ok(invocation_insert(db, &inv, 1, &inserted, &err));
        assert_ok(metric_store(db, &inv, &inserted, 1, &err));
    }
}

// The same once the server has done with what was written: until its purge is through, a reader may have to look up
// which version of a row it may see. Questions that differ by themselves differ for ever.
static void assert_same_work(const char *name, ask_t *ask, const char *id, const char *none)
{
    enum { SAME = 3, PURGED_MS = 20000 }; // pages, a microsecond
    cleanup_db db_t *db = db_get(pool, NULL);
    int64_t others = INT64_MAX, nothing = INT64_MAX, began = clock_mono_ms();
    do {
        int64_t read = pages_of(db, ask, id);
        others = read < others ? read : others;
        read = pages_of(db, ask, none);
        nothing = read < nothing ? read : nothing;
    } while (llabs(others - nothing) > SAME && clock_mono_ms() - began < PURGED_MS);
    if (llabs(others - nothing) > SAME)
        fail_msg("%s: %lld pages for another's, %lld for none", name, (long long)others,
                 (long long)nothing);
}

// Ann's function has much code, many versions, records and metrics: bob cannot tell from the time of an answer
// that there is any.
static void anothers_takes_as_long_as_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *id;
        ask_t *ask;
    } rows[] = {
        {"function", function_id, ask_function},   {"version", function_id, ask_version},
        {"versions", function_id, ask_versions},   {"write", function_id, ask_to_write},
        {"records", function_id, ask_records},     {"metrics", function_id, ask_metrics},
        {"record", invocation_id, ask_invocation},
    };
    char none[ID_TEXT];
    id_new(none);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_same_work(rows[i].name, rows[i].ask, rows[i].id, none);
}

// Bob asks while ann's write has not ended.
static void nobody_waits_for_another(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *anns = db_get(pool, &err), *bobs = db_get(pool, &err);
    assert_ok(db_begin(anns, &err));
    assert_ok(function_lock(anns, &ann, function_id, &err));
    int64_t began = clock_mono_ms();
    assert_fails(ask_to_write(bobs, function_id, &err), err, ERR_NOT_FOUND);
    assert_true(clock_mono_ms() - began < 1000); // a lock is waited for until the database gives up
    db_rollback(anns);
}

static int start(void **state)
{
    database_set_up(state);
    functions = (functions_t){pool, &config};
    db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    bob = make_user(db, "bob", ROLE_DEVELOPER);
    db_put(db);
    make_function();
    make_records();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anothers_takes_as_long_as_nothing),
        cmocka_unit_test(nobody_waits_for_another),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
