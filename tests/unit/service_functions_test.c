// Logins and functions, services and models together, against a real database.
#include "service/functions.h"

#include "accounts.h"
#include "base/cleanup.h"
#include "core/crypto.h"
#include "model/token.h"
#include "service/auth.h"

static config_t config = {.public_url = "http://127.0.0.1:8080"};
static functions_t functions;
static access_t ann, bob, viewer, admin; // ann and bob are developers

static int create(const access_t *who, const char *body, function_t *out, err_t *err)
{
    field_errors_t errors = {0};
    return functions_create(&functions, who, body, strlen(body), out, &errors, err);
}

static int patch(const access_t *who, const char *id, int64_t revision, const char *body,
                 function_t *out, err_t *err)
{
    field_errors_t errors = {0};
    return functions_patch(&functions, who, id, revision, body, strlen(body), out, &errors, err);
}

// A function of ann's whose name and route are `name`; returns its id.
static const char *make(const access_t *who, const char *name, const char *route)
{
    static char id[ID_TEXT];
    cleanup_function function_t f = {0};
    char body[400];
    err_t err = {0};
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"route\":\"%s\",\"language\":\"python\",\"code\":\"x = '%s'\"}",
             name, route, name);
    if (create(who, body, &f, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    memcpy(id, f.id, sizeof id);
    return id;
}

static void clear(void)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    assert_ok(db_exec(db, "DELETE FROM functions", DB_NO_PARAMS, NULL, &err));
}

// ---- logins

static void a_token_says_who_asks(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    char text[CRYPTO_TOKEN], header[CRYPTO_TOKEN + 16];
    token_t token = {.scopes = SCOPE_FUNCTIONS_READ | SCOPE_ADMIN, .name = "t", .created_us = 1};
    crypto_token(text);
    crypto_sha256(text, strlen(text), token.hash);
    id_new(token.id);
    memcpy(token.user_id, ann.user_id, sizeof token.user_id);
    assert_ok(token_insert(db, &token, &err));

    access_t who;
    snprintf(header, sizeof header, "bearer %s", text);
    assert_ok(auth_bearer(pool, header, &who, &err));
    assert_string_equal(who.user_id, ann.user_id);
    assert_string_equal(who.username, "ann");
    assert_string_equal(who.token_id, token.id);
    assert_int_equal(who.scopes, SCOPE_FUNCTIONS_READ); // a developer's token is never an admin's
    assert_ok(auth_require(&who, SCOPE_FUNCTIONS_READ, &err));
    assert_fails(auth_require(&who, SCOPE_INVOKE, &err), err, ERR_FORBIDDEN);

    header[20] ^= 1;
    assert_fails(auth_bearer(pool, header, &who, &err), err, ERR_UNAUTHORIZED);
    header[20] ^= 1;
    static const char *const bad[] = {NULL, "", "Bearer ", "Bearer x", "Basic YTpi"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_fails(auth_bearer(pool, bad[i], &who, &err), err, ERR_UNAUTHORIZED);

    assert_ok(db_exec(db, "UPDATE users SET disabled = TRUE WHERE id = ?",
                      DB_PARAMS(db_id(ann.user_id)), NULL, &err));
    assert_fails(auth_bearer(pool, header, &who, &err), err, ERR_UNAUTHORIZED);
    assert_ok(db_exec(db, "UPDATE users SET disabled = FALSE", DB_NO_PARAMS, NULL, &err));
    assert_ok(auth_bearer(pool, header, &who, &err));
    assert_ok(db_exec(db, "UPDATE tokens SET expires_at = ?",
                      DB_PARAMS(db_int(clock_wall_us() - 1)), NULL, &err));
    assert_fails(auth_bearer(pool, header, &who, &err), err, ERR_UNAUTHORIZED);
    assert_ok(db_exec(db, "UPDATE tokens SET expires_at = ?",
                      DB_PARAMS(db_int(clock_wall_us() + 60000000)), NULL, &err));
    assert_ok(auth_bearer(pool, header, &who, &err));
    assert_ok(token_delete_named(db, ann.user_id, "t", &err));
    assert_fails(auth_bearer(pool, header, &who, &err), err, ERR_UNAUTHORIZED);
}

static void users_are_found_by_their_exact_name(void **state)
{
    (void)state;
    err_t err = {0};
    user_t user;
    cleanup_db db_t *db = db_get(pool, &err);
    assert_ok(user_by_name(db, "ann", &user, &err));
    assert_string_equal(user.id, ann.user_id);
    static const char *const others[] = {"Ann", "ann ", " ann", "an", "", "ann' OR '1'='1"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_fails(user_by_name(db, others[i], &user, &err), err, ERR_NOT_FOUND);
    assert_fails(user_insert(db, &user, &err), err, ERR_INTERNAL); // the id
    id_new(user.id);
    assert_fails(user_insert(db, &user, &err), err, ERR_NAME_TAKEN);
}

// ---- functions

static void a_function_is_written_and_read(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    cleanup_function function_t made = {0}, read = {0};
    static const char body[] =
        "{\"name\":\"full\",\"route\":\"/x/{id}/"
        "*\",\"language\":\"javascript\",\"runtime\":\"gvisor\","
        "\"methods\":[\"GET\"],\"handler\":\"main\",\"cpus\":0.5,\"memory_mb\":256,"
        "\"record_input\":false,\"description\":\"'; DROP TABLE functions; -- \\\\ 🌍 \\u0001\","
        "\"input_example\":[1, 2],\"code\":\"/* \\\"é\\\" */\",\"note\":\"first\"}";
    assert_ok(create(&ann, body, &made, &err));
    assert_int_equal(made.version, 1);
    assert_int_equal(made.revision, 1);
    assert_true(made.created_us > 0);
    assert_ok(functions_get(&functions, &ann, SCOPE_FUNCTIONS_READ, made.id, &read, &err));
    cleanup_buf buf_t a = BUF_INIT(8192), b = BUF_INIT(8192);
    functions_json(&functions, &made, true, &a);
    functions_json(&functions, &read, true, &b);
    assert_string_equal(buf_str(&a), buf_str(&b));
    assert_contains(buf_str(&b), "\"route\":\"x/{id}/*\"");
    assert_contains(buf_str(&b), "\"url\":\"http://127.0.0.1:8080/fn/x/{id}/*\"");
    assert_contains(buf_str(&b), "\"owner\":\"ann\"");
    assert_contains(buf_str(&b), "DROP TABLE functions; -- \\\\ 🌍 \\u0001");
    assert_contains(buf_str(&b), "\"input_example\":[1, 2]");
    assert_ok(json_check(buf_str(&b), b.len, NULL));
}

static void names_and_routes_are_unique(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    function_t f;
    char id[ID_TEXT];
    make(&ann, "one", "a/{x}");
    memcpy(id, make(&ann, "two", "b"), sizeof id);
    make(&bob, "one", "c"); // names are the owner's own
    static const char *const bodies[] = {
        "{\"name\":\"one\",\"route\":\"z\",\"language\":\"python\",\"code\":\"x\"}",
        "{\"name\":\"three\",\"route\":\"a/{other}\",\"language\":\"python\",\"code\":\"x\"}"};
    assert_fails(create(&ann, bodies[0], &f, &err), err, ERR_NAME_TAKEN);
    assert_fails(create(&bob, bodies[1], &f, &err), err, ERR_ROUTE_TAKEN);
    assert_fails(patch(&ann, id, -1, "{\"name\":\"one\"}", &f, &err), err, ERR_NAME_TAKEN);
    assert_fails(patch(&ann, id, -1, "{\"route\":\"/a/{x}\"}", &f, &err), err, ERR_ROUTE_TAKEN);
    cleanup_function function_t same = {0};
    assert_ok(functions_get(&functions, &ann, SCOPE_FUNCTIONS_READ, id, &same, &err));
    assert_int_equal(same.revision, 1); // nothing of it was stored
    assert_string_equal(same.name, "two");
}

static void writes_count_revisions_and_versions(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    char id[ID_TEXT];
    memcpy(id, make(&ann, "f", "f"), sizeof id);
    static const struct {
        const char *body;
        int64_t revision, version;
    } steps[] = {
        {"{}", 1, 1},
        {"{\"timeout_ms\":5,\"note\":\"shorter\"}", 2, 2},
        {"{\"status\":\"disabled\"}", 3, 2},
        {"{\"status\":\"active\"}", 4, 2},
        {"{\"code\":\"y = 2\"}", 5, 3},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        cleanup_function function_t f = {0};
        assert_ok(patch(&ann, id, FUNCTION_ANY_REVISION, steps[i].body, &f, &err));
        assert_int_equal(f.revision, steps[i].revision);
        assert_int_equal(f.version, steps[i].version);
        assert_string_equal(f.note, i == 1 || i == 2 || i == 3 ? "shorter" : "");
    }
    cleanup_db db_t *db = db_get(pool, &err);
    for (int64_t n = 1; n <= 3; n++) {
        cleanup_function_version function_version_t v = {0};
        assert_ok(function_get_version(db, &ann, SCOPE_FUNCTIONS_READ, id, n, &v, &err));
        assert_int_equal(v.function.version, n);
        assert_int_equal(v.function.revision, 5);
        assert_int_equal(v.function.timeout_ms, n == 1 ? 3000 : 5);
        assert_string_equal(v.function.code, n == 3 ? "y = 2" : "x = 'f'");
        assert_string_equal(v.author, "ann");
    }
    function_version_t none;
    assert_fails(function_get_version(db, &ann, SCOPE_FUNCTIONS_READ, id, 4, &none, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(function_get_version(db, &bob, SCOPE_FUNCTIONS_READ, id, 1, &none, &err), err,
                 ERR_NOT_FOUND);

    field_errors_t errors = {0};
    cleanup_function function_t replaced = {0};
    static const char whole[] =
        "{\"name\":\"f\",\"route\":\"g\",\"language\":\"python\",\"code\":\"z\"}";
    assert_ok(
        functions_replace(&functions, &ann, id, 5, whole, strlen(whole), &replaced, &errors, &err));
    assert_int_equal(replaced.timeout_ms, 3000); // a default again
    assert_int_equal(replaced.version, 4);
}

static int roll_back(const access_t *who, const char *id, int64_t revision, const char *body,
                     function_t *out, field_errors_t *errors, err_t *err)
{
    return functions_rollback(&functions, who, id, revision, body, strlen(body), out, errors, err);
}

static void a_rollback_is_a_new_version(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    field_errors_t errors = {0};
    char id[ID_TEXT];
    memcpy(id, make(&ann, "f", "f"), sizeof id);
    cleanup_function function_t changed = {0}, back = {0}, again = {0}, unread = {0};
    assert_ok(patch(&ann, id, -1,
                    "{\"code\":\"y\",\"name\":\"g\",\"route\":\"g\",\"status\":\"disabled\"}",
                    &changed, &err));
    assert_ok(roll_back(&ann, id, 2, "{\"version\":1}", &back, &errors, &err));
    assert_int_equal(back.version, 3);
    assert_int_equal(back.revision, 3);
    assert_string_equal(back.code, "x = 'f'");
    assert_string_equal(back.route, "f");
    assert_string_equal(back.note, "Rollback to version 1");
    assert_int_equal(back.status, FUNCTION_DISABLED); // of the function, not of a version
    assert_ok(functions_get(&functions, &ann, SCOPE_FUNCTIONS_READ, id, &again, &err));
    assert_string_equal(again.code, "x = 'f'");
    assert_int_equal(again.version, 3);

    cleanup_function_version function_version_t v = {0};
    assert_ok(functions_get_version(&functions, &ann, id, 3, &v, &err));
    assert_string_equal(v.changes.fields, "[\"name\",\"route\",\"code\",\"note\"]");
    assert_int_equal(v.changes.lines_added, 1);
    assert_int_equal(v.changes.lines_removed, 1);
    assert_int_equal(v.code_bytes, 7);

    assert_fails(roll_back(&ann, id, 2, "{\"version\":1}", &unread, &errors, &err), err, ERR_STALE);
    assert_fails(roll_back(&ann, id, -1, "{\"version\":4}", &unread, &errors, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(roll_back(&bob, id, -1, "{\"version\":1}", &unread, &errors, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(roll_back(&viewer, id, -1, "{\"version\":1}", &unread, &errors, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(roll_back(&ann, id, -1, "{\"note\":\"x\"}", &unread, &errors, &err), err,
                 ERR_INVALID);
    assert_string_equal(errors.items[0].field, "version");

    make(&bob, "h", "g"); // the route of version 2
    assert_fails(roll_back(&ann, id, -1, "{\"version\":2}", &unread, &errors, &err), err,
                 ERR_ROUTE_TAKEN);
    make(&ann, "g", "elsewhere");
    assert_fails(roll_back(&ann, id, -1, "{\"version\":2}", &unread, &errors, &err), err,
                 ERR_NAME_TAKEN);
}

static void versions_are_listed_newest_first(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    char id[ID_TEXT], other[ID_TEXT], body[64];
    memcpy(id, make(&ann, "f", "f"), sizeof id);
    memcpy(other, make(&ann, "other", "other"), sizeof other);
    for (int i = 2; i <= 5; i++) {
        cleanup_function function_t f = {0};
        snprintf(body, sizeof body, "{\"timeout_ms\":%d,\"note\":\"%d\"}", i, i);
        assert_ok(patch(i == 3 ? &admin : &ann, id, -1, body, &f, &err));
    }
    cleanup_function_version_page function_version_page_t first = {0}, second = {0};
    assert_ok(functions_versions(&functions, &ann, id, 3, NULL, &first, &err));
    assert_int_equal(first.count, 3);
    assert_int_equal(first.items[0].function.version, 5);
    assert_string_equal(first.items[0].function.note, "5");
    assert_string_equal(first.items[2].author, "root");
    assert_string_equal(first.items[2].changes.fields, "[\"timeout_ms\",\"note\"]");
    assert_true(first.next[0]);
    assert_ok(functions_versions(&functions, &viewer, id, 3, first.next, &second, &err));
    assert_int_equal(second.count, 2);
    assert_int_equal(second.items[1].function.version, 1);
    assert_string_equal(second.next, "");

    function_version_page_t unread;
    assert_fails(functions_versions(&functions, &bob, id, 3, NULL, &unread, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(functions_versions(&functions, &ann, other, 3, first.next, &unread, &err), err,
                 ERR_INVALID);
    assert_fails(functions_versions(&functions, &ann, id, 0, NULL, &unread, &err), err,
                 ERR_INVALID);
}

static void a_lost_update_is_refused(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    char id[ID_TEXT];
    memcpy(id, make(&ann, "f", "f"), sizeof id);
    cleanup_function function_t f = {0}, unread = {0};
    assert_ok(patch(&ann, id, 1, "{\"timeout_ms\":7}", &f, &err));
    assert_fails(patch(&ann, id, 1, "{\"timeout_ms\":8}", &unread, &err), err, ERR_STALE);
    assert_fails(functions_delete(&functions, &ann, id, 1, &err), err, ERR_STALE);
    // Between reading and writing, too.
    cleanup_db db_t *db = db_get(pool, &err);
    f.revision = 1;
    const function_changes_t changes = {.fields = "[]"};
    assert_fails(function_update(db, &ann, &f, &changes, &err), err, ERR_STALE);
    assert_int_equal(f.revision, 1);
    assert_ok(functions_delete(&functions, &ann, id, 2, &err));
    assert_fails(function_update(db, &ann, &f, &changes, &err), err, ERR_NOT_FOUND);
    assert_fails(functions_delete(&functions, &ann, id, -1, &err), err, ERR_NOT_FOUND);
}

static void others_see_nothing(void **state)
{
    (void)state;
    clear();
    err_t err = {0};
    char id[ID_TEXT];
    function_t unread;
    memcpy(id, make(&ann, "f", "f"), sizeof id);
    assert_fails(functions_get(&functions, &bob, SCOPE_FUNCTIONS_READ, id, &unread, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(patch(&bob, id, -1, "{\"timeout_ms\":8}", &unread, &err), err, ERR_NOT_FOUND);
    assert_fails(functions_delete(&functions, &bob, id, -1, &err), err, ERR_NOT_FOUND);
    static const char *const ids[] = {"", "x", "01926f5c-7d3e-7a10-8000-0123456789ab",
                                      "01926F5C-7D3E-7A10-8000-0123456789AB"};
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_fails(functions_get(&functions, &admin, SCOPE_FUNCTIONS_READ, ids[i], &unread, &err),
                     err, ERR_NOT_FOUND);
    // A viewer reads everything and changes nothing; an admin does both.
    cleanup_function function_t a = {0}, b = {0};
    assert_ok(functions_get(&functions, &viewer, SCOPE_FUNCTIONS_READ, id, &a, &err));
    assert_fails(functions_get(&functions, &viewer, SCOPE_INVOKE, id, &unread, &err), err,
                 ERR_NOT_FOUND);
    assert_fails(patch(&viewer, id, -1, "{\"timeout_ms\":8}", &unread, &err), err, ERR_NOT_FOUND);
    assert_ok(patch(&admin, id, -1, "{\"timeout_ms\":8}", &b, &err));
    assert_string_equal(b.owner, "ann");
    assert_true(access_owns(&ann, SCOPE_INVOKE, b.owner_id));
    assert_false(access_owns(&bob, SCOPE_INVOKE, b.owner_id));
    assert_false(access_owns(&viewer, SCOPE_INVOKE, b.owner_id));
    assert_true(access_owns(&admin, SCOPE_INVOKE, b.owner_id));
}

static void a_path_finds_the_most_specific(void **state)
{
    (void)state;
    clear();
    static const char *const routes[] = {"a", "a/{x}", "a/b", "a/*", "{x}/b", "{x}/*"};
    char name[8] = "r0";
    for (size_t i = 0; i < COUNT(routes); i++) {
        name[1] = (char)('0' + i);
        make(i % 2 ? &ann : &bob, name, routes[i]);
    }
    static const struct {
        const char *path, *route;
    } cases[] = {
        {"a", "a"},          {"/a/b", "a/b"},
        {"a/c", "a/{x}"},    {"z/b", "{x}/b"},
        {"a/b/c/d", "a/*"},  {"z/y/x", "{x}/*"},
        {"z", "{x}/*"},      {"A", "{x}/*"},
        {"a%20/b", "{x}/b"}, {"1/2/3/4/5/6/7/8/9/10", "{x}/*"},
        {"%61", "a"},        {"a'/%2F", "{x}/*"},
    };
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    for (size_t i = 0; i < COUNT(cases); i++) {
        route_path_t path;
        cleanup_function function_t f = {0};
        assert_true(route_path(cases[i].path, &path));
        if (function_by_path(db, &path, &f, &err) < 0)
            fail_msg("%s: %s", cases[i].path, err.msg);
        assert_string_equal(f.route, cases[i].route);
        assert_non_null(f.code);
    }
    clear();
    route_path_t path;
    function_t unread;
    assert_true(route_path("a", &path));
    assert_fails(function_by_path(db, &path, &unread, &err), err, ERR_NO_ROUTE);
}

static void collect(const access_t *who, function_filter_t filter, char *out, size_t size)
{
    char cursor[CURSOR_TEXT] = "";
    out[0] = '\0';
    do {
        err_t err = {0};
        cleanup_function_page function_page_t page = {0};
        filter.cursor = cursor[0] ? cursor : NULL;
        if (functions_list(&functions, who, &filter, &page, &err) < 0)
            fail_msg("%s", err.msg);
        for (size_t i = 0; i < page.count; i++) {
            assert_null(page.items[i].code);
            strncat(out, page.items[i].name, size - strlen(out) - 1);
        }
        memcpy(cursor, page.next, sizeof cursor);
        if (cursor[0])
            strncat(out, "|", size - strlen(out) - 1);
    } while (cursor[0]);
}

static void lists_are_paged_sorted_and_searched(void **state)
{
    (void)state;
    clear();
    static const char *const names[] = {"c", "a", "e", "B", "d"};
    char ids[COUNT(names)][ID_TEXT];
    for (size_t i = 0; i < COUNT(names); i++)
        memcpy(ids[i], make(&ann, names[i], names[i]), ID_TEXT);
    make(&bob, "x", "x");
    err_t err = {0};
    cleanup_function function_t f = {0};
    assert_ok(patch(&ann, ids[0], -1, "{\"description\":\"100%_sure | Été\"}", &f, &err));

    char found[100];
    static const struct {
        const char *sort, *wanted;
    } sorts[] = {
        {NULL, "dB|ea|c"},          {"created_at", "ca|eB|d"}, {"-created_at", "dB|ea|c"},
        {"name", "Ba|cd|e"},        {"-name", "ed|ca|B"},      {"updated_at", "ae|Bd|c"},
        {"-updated_at", "cd|Be|a"},
    };
    for (size_t i = 0; i < COUNT(sorts); i++) {
        function_filter_t filter = FUNCTION_FILTER;
        filter.limit = 2;
        filter.sort = sorts[i].sort;
        collect(&ann, filter, found, sizeof found);
        assert_string_equal(found, sorts[i].wanted);
    }
    static const struct {
        const char *q, *wanted;
    } searches[] = {
        {"", "dBeac"}, {"b", "B"},    {"B", "B"}, {"été", "c"}, {"%", "c"},       {"_", "c"},
        {"|", "c"},    {"0%_s", "c"}, {"zz", ""}, {"\\", ""},   {"' OR 1=1", ""},
    };
    for (size_t i = 0; i < COUNT(searches); i++) {
        function_filter_t filter = FUNCTION_FILTER;
        filter.q = searches[i].q;
        collect(&ann, filter, found, sizeof found);
        assert_string_equal(found, searches[i].wanted);
    }
    function_filter_t filter = FUNCTION_FILTER;
    collect(&admin, filter, found, sizeof found);
    assert_string_equal(found, "xdBeac");
    collect(&viewer, filter, found, sizeof found);
    assert_string_equal(found, "xdBeac");
    filter.language = LANG_JAVASCRIPT;
    collect(&ann, filter, found, sizeof found);
    assert_string_equal(found, "");
    filter = FUNCTION_FILTER;
    filter.language = LANG_PYTHON;
    filter.runtime = RUNTIME_DOCKER;
    filter.status = FUNCTION_ACTIVE;
    collect(&bob, filter, found, sizeof found);
    assert_string_equal(found, "x");

    function_page_t unread;
    static const char *const cursors[] = {"", "x", "AAAA", "!", "MDE5MjZmNWMtN2QzZS03YTEwLTgwMDA"};
    for (size_t i = 1; i < COUNT(cursors); i++) {
        filter = FUNCTION_FILTER;
        filter.cursor = cursors[i];
        assert_fails(functions_list(&functions, &ann, &filter, &unread, &err), err, ERR_INVALID);
    }
    filter = FUNCTION_FILTER;
    filter.sort = "code";
    assert_fails(functions_list(&functions, &ann, &filter, &unread, &err), err, ERR_INVALID);
    filter = FUNCTION_FILTER;
    filter.limit = 0;
    assert_fails(functions_list(&functions, &ann, &filter, &unread, &err), err, ERR_INVALID);
}

static int start(void **state)
{
    database_set_up(state);
    functions = (functions_t){pool, &config};
    db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    bob = make_user(db, "bob", ROLE_DEVELOPER);
    viewer = make_user(db, "viewer", ROLE_VIEWER);
    admin = make_user(db, "root", ROLE_ADMIN);
    db_put(db);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_who_asks),
        cmocka_unit_test(users_are_found_by_their_exact_name),
        cmocka_unit_test(a_function_is_written_and_read),
        cmocka_unit_test(names_and_routes_are_unique),
        cmocka_unit_test(writes_count_revisions_and_versions),
        cmocka_unit_test(a_rollback_is_a_new_version),
        cmocka_unit_test(versions_are_listed_newest_first),
        cmocka_unit_test(a_lost_update_is_refused),
        cmocka_unit_test(others_see_nothing),
        cmocka_unit_test(a_path_finds_the_most_specific),
        cmocka_unit_test(lists_are_paged_sorted_and_searched),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
