// Partitions by day against a real database: made ahead, dropped when old, and nothing else lost.
#include "model/partition.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "core/crypto.h"
#include "database.h"
#include "model/invocation.h"
#include "service/retention.h"

static const int64_t DAY = 86400LL * 1000000;
static int64_t TODAY; // noon

static database_t database;
static db_pool_t *pool;

static void keep(const partition_table_t *table, int days, int64_t now_us)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    if (partition_keep(db, table, days, now_us, &err) < 0)
        fail_msg("%s", err.msg);
}

static int64_t ask(const char *sql)
{
    cleanup_db db_t *db = db_get(pool, NULL);
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, NULL);
    assert_non_null(rows);
    return db_next(rows, NULL) == 1 ? db_get_int(rows, 0) : -1;
}

#define COUNT_OF(table)                                      \
    ask("SELECT COUNT(*) FROM information_schema.partitions" \
        " WHERE table_schema = DATABASE() AND table_name = '" table "'")
#define ROWS_IN_LAST(table) ask("SELECT COUNT(*) FROM " table " PARTITION (p_last)")

static void record_at(int64_t wall_us)
{
    invocation_t inv = {.start = -1, .function_name = "f"};
    uint8_t bytes[ID_BYTES];
    bool inserted;
    id_new(inv.id);
    id_to_bytes(inv.id, bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)((wall_us / 1000) >> (40 - 8 * i));
    id_from_bytes(bytes, inv.id);
    memcpy(inv.function_id, inv.id, ID_TEXT);
    memcpy(inv.owner_id, inv.id, ID_TEXT);
    cleanup_db db_t *db = db_get(pool, NULL);
    assert_ok(db_begin(db, NULL));
    assert_ok(invocation_insert(db, &inv, 1, &inserted, NULL));
    assert_true(inserted);
    assert_ok(db_commit(db, NULL));
}

static void days_are_made_ahead(void **state)
{
    (void)state;
    assert_int_equal(COUNT_OF("invocations"), 1);
    record_at(TODAY - DAY); // before there were partitions
    keep(&PARTITION_CALLS, 7, TODAY);
    assert_int_equal(COUNT_OF("invocations"), 4); // until tomorrow, two more days, the rest
    for (int i = -1; i < 3; i++)
        record_at(TODAY + i * DAY);
    assert_int_equal(ROWS_IN_LAST("invocations"), 0);
    record_at(TODAY + 3 * DAY);
    assert_int_equal(ROWS_IN_LAST("invocations"), 1);
    keep(&PARTITION_CALLS, 7, TODAY);
    assert_int_equal(COUNT_OF("invocations"), 4);
}

static void nobody_was_there_for_days(void **state)
{
    (void)state;
    int64_t before = ask("SELECT COUNT(*) FROM invocations");
    keep(&PARTITION_CALLS, 7, TODAY + 5 * DAY);
    assert_int_equal(ROWS_IN_LAST("invocations"), 0);
    assert_int_equal(ask("SELECT COUNT(*) FROM invocations"), before);
}

static void old_days_are_dropped_whole(void **state)
{
    (void)state;
    // The day of TODAY ended 7 days before this one began.
    keep(&PARTITION_CALLS, 7, TODAY + 7 * DAY);
    assert_int_equal(ask("SELECT COUNT(*) FROM invocations"), 6);
    keep(&PARTITION_CALLS, 7, TODAY + 8 * DAY);
    assert_int_equal(ask("SELECT COUNT(*) FROM invocations"), 3);
    keep(&PARTITION_CALLS, 7, TODAY + 400 * DAY);
    assert_int_equal(ask("SELECT COUNT(*) FROM invocations"), 0);
    record_at(TODAY + 400 * DAY);
    assert_int_equal(ROWS_IN_LAST("invocations"), 0);
}

static void metrics_are_kept_in_longer_spans(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        keep(&PARTITION_HOURS, 60, TODAY + i * DAY);
    // What is kept, up to a span more, and what is ahead.
    assert_in_range(COUNT_OF("metric_hour"), 4, 5);
    for (int i = 0; i < 12; i++)
        keep(&PARTITION_MINUTES, 6, TODAY + i * DAY);
    assert_int_equal(COUNT_OF("metric_minute"), 6 + 3 + 1);
}

static void one_at_a_time(void **state)
{
    (void)state;
    const config_t config = {.keep_calls_days = 7, .keep_minutes_days = 30, .keep_hours_days = 365};
    err_t err = {0};
    cleanup_db db_t *one = db_get(pool, NULL), *two = db_get(pool, NULL);
    assert_int_equal(partition_lock(one, &err), 1);
    assert_int_equal(partition_lock(two, &err), 0);
    assert_ok(retention_run(two, &config, &err));
    assert_int_equal(COUNT_OF("invocation_logs"), 1);
    partition_unlock(one);
    assert_ok(retention_run(two, &config, &err));
    assert_int_equal(COUNT_OF("invocation_logs"), 4);
    assert_ok(retention_run(two, &config, &err));
    assert_int_equal(COUNT_OF("invocation_logs"), 4);
}

static int start(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR);
    TODAY = clock_wall_us() / DAY * DAY + DAY / 2;
    database_start(&database);
    pool = database_pool(&database, 4);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    db_pool_close(pool);
    database_stop(&database);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_made_ahead),
        cmocka_unit_test(nobody_was_there_for_days),
        cmocka_unit_test(old_days_are_dropped_whole),
        cmocka_unit_test(metrics_are_kept_in_longer_spans),
        cmocka_unit_test(one_at_a_time),
    };
    alarm(60);
    return crypto_init(NULL) < 0 ? 1 : cmocka_run_group_tests(tests, start, stop);
}
