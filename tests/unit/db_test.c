#include "db/db.h"

#include "database.h"

static int64_t count(db_t *db, const char *sql)
{
    err_t err = {0};
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, &err);
    if (!rows)
        fail_msg("%s", err.msg);
    assert_int_equal(db_next(rows, &err), 1);
    return db_get_int(rows, 0);
}

static void exec(db_t *db, const char *sql)
{
    err_t err = {0};
    if (db_exec(db, sql, DB_NO_PARAMS, NULL, &err) < 0)
        fail_msg("%s: %s", sql, err.msg);
}

static void values_come_back_as_they_went(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    exec(db, "CREATE TEMPORARY TABLE v (i BIGINT, r DOUBLE, t TEXT, b LONGBLOB, id BINARY(16))");
    static char big[1024 * 1024];
    memset(big, 'x', sizeof big);
    big[17] = '\0';
    char id[ID_TEXT];
    id_new(id);
    const db_value_t values[] = {db_int(INT64_MIN), db_real(0.1), db_text("é🌍'\"\\"),
                                 db_blob(big, sizeof big), db_id(id)};
    assert_ok(
        db_exec(db, "INSERT INTO v VALUES (?, ?, ?, ?, ?)", values, COUNT(values), NULL, &err));
    const db_value_t nulls[] = {db_null(), db_null(), db_text(NULL), db_blob(NULL, 0), db_id("?")};
    assert_ok(db_exec(db, "INSERT INTO v VALUES (?, ?, ?, ?, ?)", nulls, COUNT(nulls), NULL, &err));
    const db_value_t empty[] = {db_int(0), db_real(0), db_text(""), db_blob("", 0), db_null()};
    assert_ok(db_exec(db, "INSERT INTO v VALUES (?, ?, ?, ?, ?)", empty, COUNT(empty), NULL, &err));

    cleanup_db_rows db_rows_t *rows = db_query(db, "SELECT * FROM v", DB_NO_PARAMS, &err);
    assert_int_equal(db_next(rows, &err), 1);
    assert_true(db_get_int(rows, 0) == INT64_MIN);
    assert_memory_equal(&(double){db_get_real(rows, 1)}, &(double){0.1}, sizeof(double));
    assert_string_equal(db_get_text(rows, 2, NULL), "é🌍'\"\\");
    size_t len;
    const char *blob = db_get_text(rows, 3, &len);
    assert_int_equal(len, sizeof big);
    assert_memory_equal(blob, big, len);
    char back[ID_TEXT];
    db_get_id(rows, 4, back);
    assert_string_equal(back, id);

    assert_int_equal(db_next(rows, &err), 1);
    for (int i = 0; i < 5; i++)
        assert_true(db_is_null(rows, i));
    assert_int_equal(db_get_int(rows, 0), 0);
    assert_string_equal(db_get_text(rows, 2, NULL), "");
    bool failed = false;
    assert_null(db_get_copy(rows, 2, NULL, &failed));
    assert_false(failed);
    db_get_id(rows, 4, back);
    assert_string_equal(back, "");

    assert_int_equal(db_next(rows, &err), 1);
    assert_false(db_is_null(rows, 2));
    assert_false(db_is_null(rows, 3));
    assert_int_equal(db_next(rows, &err), 0);
}

static void mistakes_are_errors(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    assert_fails(db_exec(db, "SELEKT 1", DB_NO_PARAMS, NULL, &err), err, ERR_INTERNAL);
    assert_fails(db_exec(db, "DO ?", DB_NO_PARAMS, NULL, &err), err, ERR_INTERNAL);
    assert_fails(db_exec(db, "DO ?", DB_PARAMS(db_int(1), db_int(2)), NULL, &err), err,
                 ERR_INTERNAL);
    assert_null(db_query(db, "DO 1", DB_NO_PARAMS, &err));
    exec(db, "CREATE TEMPORARY TABLE m (t VARCHAR(3) NOT NULL)");
    assert_fails(db_exec(db, "INSERT INTO m VALUES ('long')", DB_NO_PARAMS, NULL, &err), err,
                 ERR_INTERNAL);
    cleanup_db_rows db_rows_t *rows = db_query(db, "SELECT 1", DB_NO_PARAMS, &err);
    assert_fails(db_exec(db, "DO 1", DB_NO_PARAMS, NULL, &err), err, ERR_INTERNAL);
    assert_int_equal(db_next(rows, &err), 1);
}

static void a_duplicate_names_its_key(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    exec(db, "CREATE TEMPORARY TABLE d (a INT PRIMARY KEY, b VARCHAR(20), UNIQUE KEY second (b))");
    exec(db, "INSERT INTO d VALUES (1, 'it''s.x')");
    assert_int_equal(db_exec(db, "INSERT INTO d VALUES (1, 'y')", DB_NO_PARAMS, NULL, &err), -1);
    assert_true(db_duplicate(db, "PRIMARY"));
    assert_false(db_duplicate(db, "second"));
    assert_int_equal(db_exec(db, "INSERT INTO d VALUES (2, 'it''s.x')", DB_NO_PARAMS, NULL, &err),
                     -1);
    assert_true(db_duplicate(db, "second"));
    exec(db, "INSERT INTO d VALUES (3, 'z')");
    assert_false(db_duplicate(db, "second"));
}

static void what_is_not_committed_is_undone(void **state)
{
    (void)state;
    err_t err = {0};
    db_t *db = db_get(pool, &err);
    exec(db, "CREATE TABLE t (a INT)");
    assert_ok(db_begin(db, &err));
    exec(db, "INSERT INTO t VALUES (1)");
    assert_ok(db_commit(db, &err));
    assert_ok(db_begin(db, &err));
    exec(db, "INSERT INTO t VALUES (2)");
    db_put(db); // rolls back
    db = db_get(pool, &err);
    assert_int_equal(count(db, "SELECT COUNT(*) FROM t"), 1);
    int64_t found = 0;
    assert_ok(db_exec(db, "UPDATE t SET a = 1", DB_NO_PARAMS, &found, &err));
    assert_int_equal(found, 1); // found, though nothing changed
    db_put(db);
}

static void statements_are_kept_within_bounds(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    for (int i = 0; i < 500; i++) {
        char sql[40];
        snprintf(sql, sizeof sql, "SELECT %d", i);
        assert_int_equal(count(db, sql), i);
        assert_int_equal(count(db, "SELECT 42"), 42);
    }
    assert_true(count(db, "SELECT VARIABLE_VALUE + 0 FROM information_schema.GLOBAL_STATUS "
                          "WHERE VARIABLE_NAME = 'PREPARED_STMT_COUNT'") < 200);
}

static void a_busy_pool_says_so_in_time(void **state)
{
    (void)state;
    err_t err = {0};
    db_pool_t *small;
    db_limits_t limits = {.connections = 1, .wait_ms = 100, .timeout_s = 2};
    assert_ok(db_pool_open(&database.url, limits, &small, &err));
    db_t *first = db_get(small, &err);
    assert_non_null(first);
    int64_t start = clock_mono_ms();
    assert_null(db_get(small, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - start, 90, 1000);
    db_put(first);
    first = db_get(small, &err);
    assert_non_null(first);
    db_pool_counts_t counts;
    db_pool_counts(small, &counts);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.in_use, 1);
    db_put(first);
    db_pool_close(small);
}

static void a_restart_of_the_database_goes_unnoticed(void **state)
{
    (void)state;
    err_t err = {0};
    db_t *a = db_get(pool, &err), *b = db_get(pool, &err);
    exec(a, "CREATE TABLE IF NOT EXISTS restarts (a INT)");
    exec(b, "DO 1");
    db_put(a);
    db_put(b);
    database_end(&database, SIGKILL);
    assert_null(db_get(pool, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    database_launch(&database);
    database_wait(&database);
    usleep(300000); // a pool that could not connect waits a little before it tries again
    a = db_get(pool, &err);
    if (!a)
        fail_msg("%s", err.msg);
    exec(a, "INSERT INTO restarts VALUES (1)"); // a write on a connection that was idle
    db_put(a);
}

static void a_read_is_repeated_and_a_write_is_not(void **state)
{
    (void)state;
    err_t err = {0};
    db_t *db = db_get(pool, &err), *other = db_get(pool, &err);
    char sql[60];
    for (int write = 0; write < 2; write++) {
        snprintf(sql, sizeof sql, "KILL CONNECTION %lld",
                 (long long)count(db, "SELECT CONNECTION_ID()"));
        assert_ok(db_run(other, sql, strlen(sql), &err));
        usleep(50000);
        if (!write)
            assert_int_equal(count(db, "SELECT 7"), 7);
        else
            assert_fails(db_exec(db, "DO 1", DB_NO_PARAMS, NULL, &err), err, ERR_UNAVAILABLE);
    }
    assert_fails(db_commit(db, &err), err, ERR_UNAVAILABLE);
    db_put(db);
    db = db_get(pool, &err);
    // Within a transaction nothing is repeated: what was before would be missing.
    assert_ok(db_begin(db, &err));
    exec(db, "DO 1");
    snprintf(sql, sizeof sql, "KILL CONNECTION %lld",
             (long long)count(db, "SELECT CONNECTION_ID()"));
    assert_ok(db_run(other, sql, strlen(sql), &err));
    usleep(50000);
    assert_null(db_query(db, "SELECT 7", DB_NO_PARAMS, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    db_put(db);
    db_put(other);
}

static void a_stopped_database_shows_in_two_seconds(void **state)
{
    (void)state;
    err_t err = {0};
    db_t *db = db_get(pool, &err);
    exec(db, "DO 1");
    database_hold(&database);
    int64_t start = clock_mono_ms();
    assert_null(db_query(db, "SELECT 1", DB_NO_PARAMS, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - start, 1000, 3000);
    db_put(db);

    db_pool_t *fresh;
    assert_ok(db_pool_open(&database.url, DB_LIMITS(2), &fresh, &err));
    start = clock_mono_ms();
    assert_null(db_get(fresh, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - start, 1000, 3000);
    start = clock_mono_ms();
    assert_null(db_get(fresh, &err)); // at once, for a while
    assert_in_range(clock_mono_ms() - start, 0, 100);
    kill(database.pid, SIGCONT);
    usleep(300000);
    db = db_get(fresh, &err);
    assert_non_null(db);
    db_put(db);
    db_pool_close(fresh);
}

static void urls_are_read(void **state)
{
    (void)state;
    db_url_t u;
    assert_ok(db_url_parse("mysql://me:p%40ss:w@db.example:3307/cloche", &u, NULL));
    assert_string_equal(u.user, "me");
    assert_string_equal(u.password, "p@ss:w");
    assert_string_equal(u.host, "db.example");
    assert_int_equal(u.port, 3307);
    assert_string_equal(u.name, "cloche");
    assert_ok(db_url_parse("mysql://me@[::1]/c", &u, NULL));
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 3306);
    assert_ok(db_url_parse("mysql://me@/c?socket=/run/my%20sql.sock", &u, NULL));
    assert_string_equal(u.socket, "/run/my sql.sock");
    assert_string_equal(u.host, "");
    static const char *const bad[] = {
        "",
        "mysql:",
        "http://me@h/c",
        "mysql://h/c",
        "mysql://me@h",
        "mysql://me@h/",
        "mysql://@h/c",
        "mysql://me@/c",
        "mysql://me@h:0/c",
        "mysql://me@h:x/c",
        "mysql://me@h:3306x/c",
        "mysql://me@h:99999/c",
        "mysql://me@h/c?tls=1",
        "mysql://me@h/c?socket=/x",
        "mysql://me:%zz@h/c",
        "mysql://me:%00@h/c",
        "mysql://me:%4@h/c",
        "mysql://me@[::1/c",
        "mysql://secret:password@",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t err = {0};
        if (db_url_parse(bad[i], &u, &err) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(strstr(err.msg, "password"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_went),
        cmocka_unit_test(mistakes_are_errors),
        cmocka_unit_test(a_duplicate_names_its_key),
        cmocka_unit_test(what_is_not_committed_is_undone),
        cmocka_unit_test(statements_are_kept_within_bounds),
        cmocka_unit_test(a_busy_pool_says_so_in_time),
        cmocka_unit_test(a_restart_of_the_database_goes_unnoticed),
        cmocka_unit_test(a_read_is_repeated_and_a_write_is_not),
        cmocka_unit_test(a_stopped_database_shows_in_two_seconds),
        cmocka_unit_test(urls_are_read),
    };
    return RUN_DATABASE_TESTS(tests, database_set_up);
}
