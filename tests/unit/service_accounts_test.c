// Accounts, services and models together, against a real database.
#include "service/accounts.h"

#include <pthread.h>

#include "accounts.h"
#include "core/crypto.h"
#include "model/audit.h"
#include "service/auth.h"
#include "service/tries.h"

static config_t config = {
    .registration = "open",
    .session_hours = 24,
    .session_idle_hours = 1,
    .login_tries = 3,
    .login_tries_address = 5,
    .login_interval_s = 100,
    .audit_days = 1,
};
static accounts_t accounts;
static access_t ann, root, chief; // a developer, two admins

typedef struct {
    field_errors_t errors;
    int retry_after_s;
    account_call_t call;
} asked_t;

static account_call_t *ask(asked_t *a, const access_t *who, const char *body)
{
    *a = (asked_t){0};
    a->call = (account_call_t){
        .who = who,
        .user_agent = "test",
        .body = body,
        .len = strlen(body),
        .errors = &a->errors,
        .retry_after_s = &a->retry_after_s,
    };
    return &a->call;
}

static void run(const char *sql)
{
    cleanup_db db_t *db = db_get(pool, NULL);
    assert_ok(db_run(db, sql, strlen(sql), NULL));
}

static int64_t count(const char *sql)
{
    cleanup_db db_t *db = db_get(pool, NULL);
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, NULL);
    assert_non_null(rows);
    assert_int_equal(db_next(rows, NULL), 1);
    return db_get_int(rows, 0);
}

// ---- the last admin

typedef struct {
    const access_t *who, *whom;
    int result;
    err_t err;
} demotion_t;

static void *demote(void *arg)
{
    demotion_t *d = arg;
    asked_t a;
    user_t user;
    d->result = accounts_change_user(&accounts, ask(&a, d->who, "{\"role\":\"viewer\"}"),
                                     d->whom->user_id, &user, &d->err);
    return NULL;
}

static void of_two_admins_who_demote_each_other_one_stays(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        demotion_t both[2] = {{.who = &root, .whom = &chief}, {.who = &chief, .whom = &root}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, demote, &both[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(both[0].result + both[1].result, -1);
        assert_int_equal(both[both[0].result == 0].err.code, ERR_LAST_ADMIN);
        assert_int_equal(count("SELECT COUNT(*) FROM users WHERE role = 'admin'"), 1);
        run("UPDATE users SET role = 'admin' WHERE username IN ('root', 'chief')");
    }
}

static void what_is_refused_leaves_no_line(void **state)
{
    (void)state;
    asked_t a;
    user_t user;
    err_t err;
    int64_t before = count("SELECT COUNT(*) FROM audit");
    run("UPDATE users SET disabled = 1 WHERE username = 'chief'");
    assert_fails(accounts_change_user(&accounts, ask(&a, &root, "{\"disabled\":true}"),
                                      root.user_id, &user, &err),
                 err, ERR_LAST_ADMIN);
    run("UPDATE users SET disabled = 0 WHERE username = 'chief'");
    assert_int_equal(count("SELECT COUNT(*) FROM audit"), before);
    assert_int_equal(count("SELECT disabled FROM users WHERE username = 'root'"), 0);
}

// ---- tries

static int take(asked_t *a, const char *address, const char *username, err_t *err)
{
    access_t who = {0};
    snprintf(who.address, sizeof who.address, "%s", address);
    return tries_take(&accounts, ask(a, &who, ""), username, err);
}

static void tries_are_counted_by_account_and_by_address(void **state)
{
    (void)state;
    asked_t a;
    err_t err;
    for (int i = 0; i < 3; i++)
        assert_ok(take(&a, "::1", "ann", &err));
    assert_fails(take(&a, "::1", "ann", &err), err, ERR_TOO_MANY);
    assert_in_range(a.retry_after_s, 95, 100);
    assert_fails(take(&a, "::2", "ann", &err), err, ERR_TOO_MANY);
    // What the account refused has cost the address nothing.
    for (int i = 0; i < 2; i++)
        assert_ok(take(&a, "::1", NULL, &err));
    assert_fails(take(&a, "::1", "bob", &err), err, ERR_TOO_MANY);
    assert_ok(take(&a, "::2", "bob", &err));
}

static void who_is_right_gets_the_tries_back(void **state)
{
    (void)state;
    asked_t a;
    err_t err;
    const access_t who = {.address = "::3"};
    cleanup_db db_t *db = db_get(pool, NULL);
    for (int i = 0; i < 20; i++) {
        assert_ok(take(&a, "::3", "eve", &err));
        assert_ok(tries_give_back(&accounts, db, ask(&a, &who, ""), "eve", &err));
    }
}

static void what_is_past_is_tidied_away(void **state)
{
    (void)state;
    asked_t a;
    err_t err;
    assert_ok(take(&a, "::4", "zoe", &err));
    run("UPDATE login_throttle SET until = 1 ORDER BY subject LIMIT 2");
    int64_t now_us = clock_wall_us();
    cleanup_db db_t *db = db_get(pool, NULL);
    assert_ok(tries_tidy(db, &err));
    assert_int_equal(count("SELECT COUNT(*) FROM login_throttle WHERE until = 1"), 0);
    assert_true(count("SELECT MIN(until) FROM login_throttle") >= now_us);
}

// ---- sessions

// Opens a session of ann's with a token of these scopes; leaves its secret in `secret`.
static void open_by_token(uint32_t scopes, char secret[CRYPTO_SECRET])
{
    char text[CRYPTO_TOKEN], body[128];
    token_t token = {.scopes = scopes, .name = "t", .created_us = 1};
    crypto_token(text);
    crypto_sha256(text, strlen(text), token.hash);
    id_new(token.id);
    memcpy(token.user_id, ann.user_id, sizeof token.user_id);
    {
        cleanup_db db_t *db = db_get(pool, NULL);
        assert_ok(token_insert(db, &token, NULL));
    }
    asked_t a;
    err_t err;
    opened_session_t opened;
    const access_t nobody = {.address = "::9"};
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", text);
    if (accounts_login(&accounts, ask(&a, &nobody, body), &opened, &err) < 0)
        fail_msg("%s", err.msg);
    memcpy(secret, opened.secret, CRYPTO_SECRET);
}

static void a_session_has_the_scopes_of_its_token(void **state)
{
    (void)state;
    char secret[CRYPTO_SECRET];
    access_t who;
    err_t err;
    open_by_token(SCOPE_FUNCTIONS_READ | SCOPE_ADMIN, secret);
    assert_ok(auth_session(pool, &config, secret, &who, &err));
    assert_int_equal(who.scopes, SCOPE_FUNCTIONS_READ);
    assert_fails(auth_require_person(&who, &err), err, ERR_FORBIDDEN);
    open_by_token(SCOPE_ALL, secret);
    assert_ok(auth_session(pool, &config, secret, &who, &err));
    assert_ok(auth_require_person(&who, &err));
    asked_t a;
    token_t token;
    char text[CRYPTO_TOKEN];
    assert_fails(accounts_create_token(&accounts,
                                       ask(&a, &who, "{\"name\":\"a\",\"scopes\":[\"invoke\"]}"),
                                       &token, text, &err),
                 err, ERR_FORBIDDEN);
}

static void a_session_ends_in_every_way_it_can(void **state)
{
    (void)state;
    static const char *const ends[] = {
        "UPDATE sessions SET expires_at = 1",
        "UPDATE sessions SET last_used_at = last_used_at - 3601 * 1000000",
        "UPDATE tokens SET expires_at = 1",
        "DELETE FROM tokens",
        "UPDATE users SET disabled = 1 WHERE username = 'ann'",
        "DELETE FROM sessions",
    };
    for (size_t i = 0; i < COUNT(ends); i++) {
        char secret[CRYPTO_SECRET];
        access_t who;
        err_t err;
        open_by_token(SCOPE_ALL, secret);
        assert_ok(auth_session(pool, &config, secret, &who, &err));
        run(ends[i]);
        assert_fails(auth_session(pool, &config, secret, &who, &err), err, ERR_UNAUTHORIZED);
        run("UPDATE users SET disabled = 0");
    }
    access_t who;
    err_t err;
    static const char *const none[] = {NULL, "", "x",
                                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_fails(auth_session(pool, &config, none[i], &who, &err), err, ERR_UNAUTHORIZED);
}

// ---- the trail

static void old_lines_go(void **state)
{
    (void)state;
    err_t err;
    cleanup_db db_t *db = db_get(pool, NULL);
    int64_t before = count("SELECT COUNT(*) FROM audit");
    run("INSERT INTO audit (id, username, action, target_name, detail, address) VALUES "
        "(UNHEX('01000000000070008000000000000000'), '', 'login', '', '', '')");
    assert_ok(audit_prune(db, clock_wall_us() - INT64_C(86400) * 1000000, &err));
    assert_int_equal(count("SELECT COUNT(*) FROM audit"), before);
}

static int start(void **state)
{
    database_set_up(state);
    if (passwords_open(1, 1, &accounts.passwords, NULL) < 0)
        return -1;
    accounts.pool = pool;
    accounts.config = &config;
    db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    root = make_user(db, "root", ROLE_ADMIN);
    chief = make_user(db, "chief", ROLE_ADMIN);
    db_put(db);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_admins_who_demote_each_other_one_stays),
        cmocka_unit_test(what_is_refused_leaves_no_line),
        cmocka_unit_test(tries_are_counted_by_account_and_by_address),
        cmocka_unit_test(who_is_right_gets_the_tries_back),
        cmocka_unit_test(what_is_past_is_tidied_away),
        cmocka_unit_test(a_session_has_the_scopes_of_its_token),
        cmocka_unit_test(a_session_ends_in_every_way_it_can),
        cmocka_unit_test(old_lines_go),
    };
    int failed = RUN_DATABASE_TESTS(tests, start);
    passwords_close(accounts.passwords);
    return failed;
}
