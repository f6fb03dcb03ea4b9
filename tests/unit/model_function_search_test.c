// The search of functions against the plain truth, with functions in blocks, out of them and on the way.
#include "model/function_search.h"

#include "accounts.h"
#include "base/cleanup.h"
#include "service/functions.h"

static config_t config = {.public_url = "http://127.0.0.1:8080"};
static functions_t functions;
static access_t ann, admin;

static int64_t number(const char *sql)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    cleanup_db_rows db_rows_t *rows = db_query(db, sql, DB_NO_PARAMS, &err);
    if (!rows || db_next(rows, &err) <= 0)
        fail_msg("%s: %s", sql, err.msg);
    return db_get_int(rows, 0);
}

static void run(const char *sql)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    if (db_exec(db, sql, DB_NO_PARAMS, NULL, &err) < 0)
        fail_msg("%s: %s", sql, err.msg);
}

static void make(const char *name, char id[ID_TEXT])
{
    cleanup_function function_t f = {0};
    field_errors_t errors = {0};
    char body[400];
    err_t err = {0};
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"route\":\"%s\",\"language\":\"python\",\"code\":\"x\"}", name,
             name);
    if (functions_create(&functions, &ann, body, strlen(body), &f, &errors, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    memcpy(id, f.id, ID_TEXT);
}

static void patch(const char *id, const char *body)
{
    cleanup_function function_t f = {0};
    field_errors_t errors = {0};
    err_t err = {0};
    if (functions_patch(&functions, &ann, id, FUNCTION_ANY_REVISION, body, strlen(body), &f,
                        &errors, &err) < 0)
        fail_msg("%s: %s", body, err.msg);
}

static int pack_all(void)
{
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    int packed, blocks = 0;
    while ((packed = function_search_pack(db, &err)) > 0)
        blocks++;
    if (packed < 0)
        fail_msg("%s", err.msg);
    return blocks;
}

// Copies of one function of ann's, every seventh another's, whose texts differ by a number.
static void fill(int count)
{
    char sql[2000];
    run("DELETE FROM functions");
    char id[ID_TEXT];
    make("pattern", id);
    snprintf(sql, sizeof sql,
             "INSERT INTO functions SELECT UNHEX(CONCAT('0193a00000007001', LPAD(HEX(n * 37"
             " MOD 5003), 16, '0'))), IF(n MOD 7, f.owner_id, u.id), CONCAT('made-', MD5(n)),"
             " CONCAT('made/', n), CONCAT('made/', n), route_rank, language,"
             " IF(n MOD 3, 'docker', 'gvisor'), isolation, access, event, methods, handler,"
             " timeout_ms, memory_mb, cpu_millis, disk_mb, max_concurrency, record_input,"
             " CONCAT('Été n° ', n, IF(n MOD 400, '', ' ŽEBRA|100%%_')), input_example, code,"
             " note, version, revision, status, n, n FROM functions f, users u,"
             " (SELECT seq AS n FROM seq_1_to_%d) numbers WHERE f.name = 'pattern' AND u.username "
             "= 'root'",
             count);
    run(sql);
    run("INSERT INTO function_search (function_id, owner_id, text) SELECT id, owner_id,"
        " LOWER(CONCAT_WS('\n', name, route, description)) FROM functions"
        " WHERE name LIKE 'made-%'");
}

// The names that a list gives in pages, in its order.
static void listed(const access_t *who, function_filter_t filter, buf_t *out)
{
    char cursor[CURSOR_TEXT] = "";
    err_t err = {0};
    do {
        cleanup_function_page function_page_t page = {0};
        filter.cursor = cursor[0] ? cursor : NULL;
        if (functions_list(&functions, who, &filter, &page, &err) < 0)
            fail_msg("%s", err.msg);
        for (size_t i = 0; i < page.count; i++)
            buf_addf(out, "%s\n", page.items[i].name);
        memcpy(cursor, page.next, sizeof cursor);
    } while (cursor[0]);
    assert_false(buf_failed(out));
}

// The same, by comparing each function with the text.
static void compared(const access_t *who, const char *q, const char *order, buf_t *out)
{
    char sql[400];
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    snprintf(sql, sizeof sql,
             "SELECT name FROM functions WHERE (? OR owner_id = ?) AND LOCATE(CAST(LOWER(?) AS"
             " BINARY), CAST(LOWER(CONCAT_WS('\n', name, route, description)) AS BINARY))"
             " AND runtime = 'docker' ORDER BY %s",
             order);
    cleanup_db_rows db_rows_t *rows = db_query(
        db, sql, DB_PARAMS(db_int(who->role == ROLE_ADMIN), db_id(who->user_id), db_text(q)), &err);
    if (!rows)
        fail_msg("%s", err.msg);
    while (db_next(rows, &err) > 0)
        buf_addf(out, "%s\n", db_get_text(rows, 0, NULL));
}

static void assert_same_found(void)
{
    static const char *const texts[] = {"e",      "q",       "T\xc3\x89", "zebra",  "ŽEBRA",
                                        "žebra|", "100%_",   "n° 25",     "n° 256", "made-c4ca4238",
                                        "MADE",   "ade-mad", "\\",        "°",      "\xc3\x89t"};
    static const char *const sorts[][2] = {{"-created_at", "id DESC"},
                                           {"name", "name, id"},
                                           {"-updated_at", "updated_at DESC, id DESC"}};
    const access_t *const callers[] = {&ann, &admin};
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t k = 0; k < COUNT(sorts) * COUNT(callers); k++) {
            const access_t *who = callers[k % 2];
            cleanup_buf buf_t got = BUF_INIT(1 << 20), wanted = BUF_INIT(1 << 20);
            function_filter_t filter = FUNCTION_FILTER;
            filter.q = texts[i];
            filter.sort = sorts[k / 2][0];
            filter.runtime = RUNTIME_DOCKER;
            filter.limit = 100;
            listed(who, filter, &got);
            compared(who, texts[i], sorts[k / 2][1], &wanted);
            assert_string_equal(buf_str(&got), buf_str(&wanted));
        }
    }
}

static void what_is_found_is_what_is_there(void **state)
{
    (void)state;
    fill(SEARCH_BLOCK * (SEARCH_BLOCKS + 6) + 5);
    assert_same_found(); // in no block
    assert_int_equal(pack_all(), SEARCH_BLOCKS + 6);
    assert_in_range(number("SELECT COUNT(*) FROM function_search WHERE block = 0"), 1,
                    SEARCH_BLOCK - 1);
    assert_same_found();
}

static void a_search_reads_few_blocks(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    static const struct {
        const char *text;
        int most; // blocks, of those that have one of the text, which is one in 400 functions, and the newest
    } rows[] = {{"žebra", 6}, {"xylophone", 1}, {"xq", 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        function_search_t search;
        assert_ok(function_search_for(db, rows[i].text, true, &search, &err));
        assert_true(search.narrow);
        assert_in_range(search.count, 1, rows[i].most);
    }
    function_search_t search;
    assert_ok(function_search_for(db, "made", true, &search, &err));
    assert_false(search.narrow);
    // Blocks tell about functions of all owners.
    assert_ok(function_search_for(db, "xylophone", false, &search, &err));
    assert_false(search.narrow);
}

static void a_text_that_changes_leaves_its_block(void **state)
{
    (void)state;
    run("DELETE FROM functions");
    char ids[SEARCH_BLOCK][ID_TEXT];
    for (int i = 0; i < SEARCH_BLOCK; i++) {
        char name[16];
        snprintf(name, sizeof name, "own-%d", i);
        make(name, ids[i]);
    }
    // The last write packed them, and nothing is left of blocks without functions.
    assert_int_equal(number("SELECT COUNT(*) FROM function_search WHERE block > 0"), SEARCH_BLOCK);
    assert_int_equal(number("SELECT COUNT(*) FROM function_search_blocks"), 1);

    patch(ids[3], "{\"code\": \"y\"}");
    assert_int_equal(number("SELECT COUNT(*) FROM function_search WHERE block = 0"), 0);
    patch(ids[3], "{\"description\": \"Xylophone\"}");
    assert_int_equal(number("SELECT COUNT(*) FROM function_search WHERE block = 0"), 1);
    function_filter_t filter = FUNCTION_FILTER;
    filter.q = "xylophone";
    cleanup_buf buf_t found = BUF_INIT(1000);
    listed(&admin, filter, &found);
    assert_string_equal(buf_str(&found), "own-3\n");
    patch(ids[3], "{\"description\": \"\"}");
    buf_reset(&found);
    listed(&admin, filter, &found);
    assert_string_equal(buf_str(&found), "");

    // Of most of a block the texts have changed: with the next one the rest goes along.
    for (int i = 4; i < SEARCH_BLOCK; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"description\": \"number %d\"}", i);
        patch(ids[i], body);
    }
    assert_int_equal(pack_all(), 0);
    char more[ID_TEXT];
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "more-%d", i);
        make(name, more);
    }
    assert_int_equal(number("SELECT COUNT(*) FROM function_search_blocks"), 1);
    assert_int_equal(number("SELECT COUNT(*) FROM function_search WHERE block = 0"), 3);
}

// Between the two statements of a search somebody packs what it looks for.
static void what_moves_meanwhile_is_found(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    function_search_t search;
    char id[ID_TEXT];
    fill(3 * SEARCH_BLOCK - 2);
    make("xylophone", id);
    pack_all();
    assert_ok(function_search_for(db, "xylophone", true, &search, &err));
    assert_true(search.narrow);
    int64_t newest = search.blocks[search.count - 1];
    run("UPDATE function_search SET block = 0");
    assert_true(pack_all() > 0);
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT s.block FROM function_search s WHERE 1 = 1");
    function_search_where(&q, &search);
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, &err);
    assert_non_null(rows);
    assert_int_equal(db_next(rows, &err), 1);
    assert_true(db_get_int(rows, 0) > newest);
}

static void one_packs_at_a_time(void **state)
{
    (void)state;
    fill(2 * SEARCH_BLOCK);
    err_t err = {0};
    cleanup_db db_t *other = db_get(pool, NULL);
    assert_int_equal(db_lock(other, "cloche_search", 0, &err), 1);
    assert_int_equal(pack_all(), 0);
    db_unlock(other, "cloche_search");
    // A function that is being written waits for nobody, and nobody for it.
    assert_ok(db_begin(other, &err));
    assert_ok(db_exec(other, "UPDATE function_search SET text = 'x' WHERE block = 0 LIMIT 1",
                      DB_NO_PARAMS, NULL, &err));
    assert_int_equal(pack_all(), 2);
    db_rollback(other);
}

static int start(void **state)
{
    database_set_up(state);
    functions = (functions_t){pool, &config};
    cleanup_db db_t *db = db_get(pool, NULL);
    ann = make_user(db, "ann", ROLE_DEVELOPER);
    admin = make_user(db, "root", ROLE_ADMIN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_is_what_is_there),
        cmocka_unit_test(a_search_reads_few_blocks),
        cmocka_unit_test(a_text_that_changes_leaves_its_block),
        cmocka_unit_test(what_moves_meanwhile_is_found),
        cmocka_unit_test(one_packs_at_a_time),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
