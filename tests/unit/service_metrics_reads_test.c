// What charts, tables and Prometheus read: few rows of metrics, in order of their key, and never a call.
#include "accounts.h"
#include "base/cleanup.h"
#include "service/exposition.h"
#include "service/functions.h"
#include "service/metrics.h"

enum { FUNCTIONS = 3 };

static const config_t config = {.public_url = "http://127.0.0.1:8080"};
static access_t ann, bob, admin;
static char ids[FUNCTIONS][ID_TEXT];

static void make_function(int i)
{
    const functions_t functions = {.pool = pool, .config = &config};
    char body[160];
    cleanup_function function_t f = {0};
    field_errors_t errors = {0};
    snprintf(body, sizeof body,
             "{\"name\":\"f%d\",\"route\":\"f%d\",\"language\":\"python\",\"code\":\"x\"}", i, i);
    assert_ok(functions_create(&functions, &ann, body, strlen(body), &f, &errors, NULL));
    memcpy(ids[i], f.id, ID_TEXT);
}

// The n-th function has n + 1 calls.
static void make_calls(void)
{
    cleanup_db db_t *db = db_get(pool, NULL);
    for (int f = 0; f < FUNCTIONS; f++)
        for (int n = 0; n <= f; n++) {
            invocation_t inv = {.start = START_WARM, .function_name = "f", .total_us = 3000};
            bool inserted;
            id_new(inv.id);
            memcpy(inv.function_id, ids[f], ID_TEXT);
            memcpy(inv.owner_id, ann.user_id, ID_TEXT);
            assert_ok(db_begin(db, NULL));
            assert_ok(invocation_insert(db, &inv, 1, &inserted, NULL));
            assert_ok(metric_store(db, &inv, &inserted, 1, NULL));
            assert_ok(db_commit(db, NULL));
        }
}

static void sql(const char *text)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, NULL);
    if (db_run(db, text, strlen(text), &err) < 0)
        fail_msg("%s", err.msg);
}

static void expose(const access_t *access, int functions, buf_t *out)
{
    const exposition_state_t state = {0};
    err_t err = {0};
    if (exposition_write(pool, access, functions, &state, out, &err) < 0)
        fail_msg("%s", err.msg);
    assert_false(buf_failed(out));
}

static void no_call_is_read(void **state)
{
    (void)state;
    err_t err = {0};
    const int64_t now = clock_wall_us() / 1000000;
    const char *list[FUNCTIONS] = {ids[0], ids[1], ids[2]};
    const metrics_summary_t what = {.ids = list, .id_count = FUNCTIONS, .limit = 10, .hours = 24};
    metrics_range_t range = METRICS_RANGE;
    assert_ok(metrics_range_complete(&range, now, &err));
    sql("RENAME TABLE invocations TO gone");
    cleanup_buf buf_t one = BUF_INIT(METRICS_ANSWER_MAX), all = BUF_INIT(METRICS_ANSWER_MAX),
                      both = BUF_INIT(METRICS_ANSWER_MAX), list_of = BUF_INIT(METRICS_ANSWER_MAX),
                      text = BUF_INIT(METRICS_ANSWER_MAX);
    assert_ok(metrics_series(pool, &ann, ids[2], &range, &one, &err));
    assert_ok(metrics_series(pool, &ann, NULL, &range, &all, &err));
    assert_ok(metrics_compare(pool, &ann, ids[2], &range, &both, &err));
    assert_ok(metrics_summary(pool, &ann, &what, now, &list_of, &err));
    expose(&ann, 10, &text);
    sql("RENAME TABLE gone TO invocations");
    assert_contains(buf_str(&one), "\"requests\":3,");
    assert_contains(buf_str(&all), "\"requests\":6,");
    assert_contains(buf_str(&both), "\"requests\":3,");
    assert_contains(buf_str(&list_of), "\"requests_ever\":3,");
    assert_contains(buf_str(&text), "cloche_calls_total{runtime=\"docker\",status=\"ok\"} 6\n");
}

static void rows_are_found_by_their_key(void **state)
{
    (void)state;
    static const char *const tables[] = {"metric_minute", "metric_hour", "metric_day"};
    cleanup_db db_t *db = db_get(pool, NULL);
    for (size_t i = 0; i < COUNT(tables); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "EXPLAIN SELECT * FROM %s m WHERE m.scope_id IN (?) AND m.t >= ? AND m.t < ?"
                 " ORDER BY m.scope_id, m.t, m.runtime",
                 tables[i]);
        cleanup_db_rows db_rows_t *rows =
            db_query(db, text, DB_PARAMS(db_id(ids[0]), db_int(0), db_int(1)), NULL);
        assert_non_null(rows);
        assert_int_equal(db_next(rows, NULL), 1);
        enum { TYPE = 3, KEY = 5 };
        assert_string_equal(db_get_text(rows, TYPE, NULL), "range");
        assert_string_equal(db_get_text(rows, KEY, NULL), "PRIMARY");
    }
}

static void only_the_busiest_functions_are_named(void **state)
{
    (void)state;
    cleanup_buf buf_t none = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20);
    expose(&admin, 0, &none);
    assert_null(strstr(buf_str(&none), "function=\""));
    expose(&admin, 2, &two);
    assert_null(strstr(buf_str(&two), "function=\"f0\""));
    assert_contains(buf_str(&two), "cloche_function_calls_total{function=\"f1\",owner=\"ann\","
                                   "runtime=\"docker\",status=\"ok\"} 2\n");
    assert_contains(buf_str(&two), "cloche_function_duration_seconds_bucket{function=\"f2\","
                                   "owner=\"ann\",runtime=\"docker\",le=\"0.0025\"} 0\n");
    assert_contains(buf_str(&two), "cloche_function_duration_seconds_bucket{function=\"f2\","
                                   "owner=\"ann\",runtime=\"docker\",le=\"0.005\"} 3\n");
    assert_contains(buf_str(&two), "cloche_function_duration_seconds_sum{function=\"f2\","
                                   "owner=\"ann\",runtime=\"docker\"} 0.009\n");
    // It never ran there.
    assert_null(strstr(buf_str(&two), "owner=\"ann\",runtime=\"gvisor\""));
}

static void others_are_not_shown(void **state)
{
    (void)state;
    cleanup_buf buf_t text = BUF_INIT(1 << 20), series = BUF_INIT(METRICS_ANSWER_MAX);
    err_t err = {0};
    metrics_range_t range = METRICS_RANGE;
    expose(&bob, 10, &text);
    assert_null(strstr(buf_str(&text), "function=\""));
    assert_contains(buf_str(&text), "cloche_calls_total{runtime=\"docker\",status=\"ok\"} 0\n");
    assert_ok(metrics_range_complete(&range, clock_wall_us() / 1000000, &err));
    assert_fails(metrics_series(pool, &bob, ids[0], &range, &series, &err), err, ERR_NOT_FOUND);
    assert_fails(metrics_series(pool, &ann, ann.user_id, &range, &series, &err), err,
                 ERR_NOT_FOUND);
}

static int start(void **state)
{
    database_set_up(state);
    db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    bob = make_user(db, "bob", ROLE_DEVELOPER);
    admin = make_user(db, "root", ROLE_ADMIN);
    db_put(db);
    for (int i = 0; i < FUNCTIONS; i++)
        make_function(i);
    make_calls();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_is_read),
        cmocka_unit_test(rows_are_found_by_their_key),
        cmocka_unit_test(only_the_busiest_functions_are_named),
        cmocka_unit_test(others_are_not_shown),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
