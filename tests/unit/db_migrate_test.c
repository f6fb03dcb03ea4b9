#include "db/migrate.h"

#include "core/crypto.h"
#include "database.h"

static char dir[96];

static void statements_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *wanted[4];
    } cases[] = {
        {"", {NULL}},
        {" \n;;; -- nothing\n;", {NULL}},
        {"a", {"a"}},
        {"a;b ; c;", {"a", "b", "c"}},
        {"a -- ; no\n b; # ; no\nc", {"a -- ; no\n b", "c"}},
        {"/* ; */ a /* b */;b", {"a", "b"}},
        {"x--y;z", {"x--y", "z"}},
        {"'a;b';\"c;d\";`e;f`", {"'a;b'", "\"c;d\"", "`e;f`"}},
        {"'it''s;';'\\';'", {"'it''s;'", "'\\';'"}},
        {"`a\\`;b", {"`a\\`", "b"}},
        {"a -- to the end", {"a"}},
        {"--", {"--"}},
        {"a--\n;b", {"a", "b"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text = cases[i].text;
        size_t len = strlen(text), n = 0;
        migrate_statement_t s;
        int rc;
        while ((rc = migrate_split(&text, &len, &s, NULL)) > 0) {
            assert_non_null(cases[i].wanted[n]);
            assert_int_equal(s.len, strlen(cases[i].wanted[n]));
            assert_memory_equal(s.text, cases[i].wanted[n++], s.len);
        }
        assert_int_equal(rc, 0);
        assert_null(cases[i].wanted[n]);
    }
    static const char *const open[] = {"a 'b", "\"", "`x;", "/* a", "'\\'"};
    for (size_t i = 0; i < COUNT(open); i++) {
        const char *text = open[i];
        size_t len = strlen(text);
        migrate_statement_t s;
        err_t err;
        assert_fails(migrate_split(&text, &len, &s, &err), err, ERR_INVALID);
    }
}

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void drop(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static int run(err_t *err)
{
    cleanup_db db_t *db = db_get(pool, err);
    assert_non_null(db);
    return migrate_run(db, dir, NULL, err);
}

static void refused(const char *why)
{
    err_t err = {0};
    assert_int_equal(run(&err), -1);
    assert_contains(err.msg, why);
}

static void files_are_applied_once_and_in_order(void **state)
{
    (void)state;
    err_t err = {0};
    refused("no migrations");
    put("README", "not a migration");
    put("0002_two.sql", "INSERT INTO one VALUES (2);");
    put("0001_one.sql", "-- the first\nCREATE TABLE one (a INT);\nINSERT INTO one VALUES (1);");
    if (run(&err) != 2)
        fail_msg("%s", err.msg);
    assert_int_equal(run(&err), 0);
    put("0004_four.sql", "INSERT INTO one VALUES (4)");
    assert_int_equal(run(&err), 1);

    put("0003_late.sql", "DO 1;");
    refused("0003_late.sql is new, but 0004_four.sql");
    drop("0003_late.sql");
    put("0002_two.sql", "INSERT INTO one VALUES (3);");
    refused("0002_two.sql has changed");
    put("0002_two.sql", "INSERT INTO one VALUES (2);");
    put("0002_other.sql", "DO 1;");
    refused("0002_");
    drop("0002_other.sql");
    put("5_x.sql", "DO 1;");
    refused("5_x.sql is not named like");
    drop("5_x.sql");
    drop("0004_four.sql");
    refused("0004_four.sql was applied");
    put("0004_four.sql", "INSERT INTO one VALUES (4)");
    assert_int_equal(run(&err), 0);
}

static void one_that_failed_goes_on_where_it_stopped(void **state)
{
    (void)state;
    err_t err = {0};
    put("0005_five.sql", "CREATE TABLE five (a INT); INSERT INTO fife VALUES (1); DO 1;");
    refused("0005_five.sql: statement 2");
    refused("statement 2");
    put("0005_five.sql", "CREATE TABLE five (a INT); INSERT INTO five VALUES (1); DO 1;");
    if (run(&err) != 1)
        fail_msg("%s", err.msg);
    assert_int_equal(run(&err), 0);
}

static void ours_apply(void **state)
{
    (void)state;
    err_t err = {0};
    database_run(&database, "CREATE DATABASE ours");
    db_url_t url = database.url;
    snprintf(url.name, sizeof url.name, "ours");
    db_pool_t *own;
    assert_ok(db_pool_open(&url, DB_LIMITS(1), &own, &err));
    db_t *db = db_get(own, &err);
    assert_true(migrate_run(db, "sql", NULL, &err) > 0);
    assert_int_equal(migrate_run(db, "sql", NULL, &err), 0);
    db_put(db);
    db_pool_close(own);
}

static int start(void **state)
{
    (void)state;
    database_start(&database);
    snprintf(dir, sizeof dir, "%s/migrations", database.dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    return db_pool_open(&database.url, DB_LIMITS(1), &pool, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_split),
        cmocka_unit_test(files_are_applied_once_and_in_order),
        cmocka_unit_test(one_that_failed_goes_on_where_it_stopped),
        cmocka_unit_test(ours_apply),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
