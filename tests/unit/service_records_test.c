// Records of invocations, services and models together, against a real database.
#include "service/records.h"

#include "accounts.h"
#include "base/cleanup.h"
#include "core/crypto.h"
#include "core/json.h"
#include "model/metric.h"
#include "service/functions.h"
#include "service/journal.h"

static config_t config = {.public_url = "http://127.0.0.1:8080"};
static functions_t functions;
static access_t ann, bob, viewer, admin; // ann and bob are developers

static void make_function(char id[ID_TEXT])
{
    static const char body[] =
        "{\"name\":\"f\",\"route\":\"f\",\"language\":\"python\",\"code\":\"x\"}";
    cleanup_function function_t f = {0};
    field_errors_t errors = {0};
    assert_ok(functions_create(&functions, &ann, body, strlen(body), &f, &errors, NULL));
    memcpy(id, f.id, ID_TEXT);
}

static invocation_t sample(const char *function_id)
{
    invocation_t inv = {.version = 3,
                        .runtime = RUNTIME_GVISOR,
                        .start = START_WARM,
                        .source = SOURCE_HTTP,
                        .status = INVOCATION_ERROR,
                        .http_status = 500,
                        .method = "POST",
                        .path = strdup("/fn/x\xff%20"),
                        .error_type = strdup("ValueError"),
                        .error_message = strdup("no 'x' 🌍"),
                        .error_stack = strdup("line 1\nline 2"),
                        .queue_us = 100,
                        .init_us = -1,
                        .run_us = 2500,
                        .total_us = 2600,
                        .cpu_us = 0,
                        .memory_peak_bytes = 1 << 20,
                        .memory_mb = 128,
                        .request_bytes = 7,
                        .response_bytes = -1,
                        .input_kind = INPUT_JSON,
                        .input = strdup("{\"a\":1}"),
                        .input_len = 7,
                        .args = strdup("[\"x\"]"),
                        .request = strdup("{\"method\":\"POST\"}"),
                        .has_output_hash = true,
                        .output_hash = {1, 2, 3},
                        .logs_truncated = true};
    inv.logs = strdup("[{\"stream\":\"stdout\",\"t_ms\":1.5,\"text\":\"hi\\n\"},"
                      "{\"stream\":\"stderr\",\"t_ms\":2,\"text\":\"\xef\xbf\xbd\"}]");
    inv.logs_len = strlen(inv.logs);
    id_new(inv.id);
    memcpy(inv.function_id, function_id, ID_TEXT);
    memcpy(inv.owner_id, ann.user_id, ID_TEXT);
    snprintf(inv.function_name, sizeof inv.function_name, "f");
    return inv;
}

// Whether it was new.
static bool keep(const invocation_t *inv)
{
    err_t err = {0};
    bool inserted = false;
    cleanup_db db_t *db = db_get(pool, &err);
    if (!db || db_begin(db, &err) < 0 || invocation_insert(db, inv, 1, &inserted, &err) < 0 ||
        metric_store(db, inv, &inserted, 1, &err) < 0 || db_commit(db, &err) < 0)
        fail_msg("%s", err.msg);
    return inserted;
}

static void a_record_comes_back_whole_and_once(void **state)
{
    (void)state;
    err_t err = {0};
    char function_id[ID_TEXT];
    id_new(function_id);
    cleanup_invocation invocation_t inv = sample(function_id), read = {0};
    assert_true(keep(&inv));
    assert_false(keep(&inv));

    assert_ok(records_get(pool, &ann, inv.id, &read, &err));
    cleanup_buf buf_t a = BUF_INIT(8192), b = BUF_INIT(8192);
    records_json(&inv, true, &a);
    records_json(&read, true, &b);
    assert_string_equal(buf_str(&a), buf_str(&b));
    assert_ok(json_check(buf_str(&b), b.len, &err));
    assert_contains(buf_str(&b),
                    "\"logs\":[{\"stream\":\"stdout\",\"t_ms\":1.5,\"text\":\"hi\\n\"},"
                    "{\"stream\":\"stderr\",\"t_ms\":2,\"text\":\"\xef\xbf\xbd\"}]");
    assert_contains(buf_str(&b), "\"init_ms\":null,\"run_ms\":2.5");
    assert_contains(buf_str(&b), "\"input\":{\"a\":1},\"args\":[\"x\"],"
                                 "\"request\":{\"method\":\"POST\"},\"output_hash\":\"010203000");
    assert_true(read.has_output_hash);
    assert_memory_equal(read.output_hash, inv.output_hash, sizeof read.output_hash);
    assert_fails(records_get(pool, &bob, inv.id, &read, &err), err, ERR_NOT_FOUND);
    cleanup_invocation invocation_t seen = {0};
    assert_ok(records_get(pool, &viewer, inv.id, &seen, &err));
}

static void the_least_record_is_enough(void **state)
{
    (void)state;
    err_t err = {0};
    invocation_t inv = {.start = -1, .status = INVOCATION_REJECTED, .http_status = 503};
    id_new(inv.id);
    id_new(inv.function_id);
    memcpy(inv.owner_id, ann.user_id, ID_TEXT);
    assert_true(keep(&inv));
    cleanup_invocation invocation_t read = {0};
    assert_ok(records_get(pool, &admin, inv.id, &read, &err));
    assert_int_equal(read.start, -1);
    assert_null(read.logs);
    assert_null(read.error_type);
    cleanup_buf buf_t json = BUF_INIT(4096);
    records_json(&read, true, &json);
    assert_ok(json_check(buf_str(&json), json.len, &err));
}

static void texts_that_are_too_long_are_cut(void **state)
{
    (void)state;
    err_t err = {0};
    char function_id[ID_TEXT];
    id_new(function_id);
    cleanup_invocation invocation_t inv = sample(function_id), read = {0};
    static char text[300001];
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "é", 2);
    free(inv.error_type), inv.error_type = strdup(text);
    free(inv.error_message), inv.error_message = strdup(text);
    free(inv.error_stack), inv.error_stack = strdup(text);
    free(inv.path), inv.path = strdup(text);
    assert_true(keep(&inv));
    assert_ok(records_get(pool, &ann, inv.id, &read, &err));
    assert_int_equal(strlen(read.error_type), 254);
    assert_int_equal(strlen(read.error_message), 16384);
    assert_int_equal(strlen(read.error_stack), 65536);
    assert_int_equal(strlen(read.path), 2048);
}

static void records_are_listed_newest_first(void **state)
{
    (void)state;
    err_t err = {0};
    char id[ID_TEXT], ids[5][ID_TEXT];
    make_function(id);
    invocation_filter_t filter = INVOCATION_FILTER;
    filter.function_id = id;
    filter.limit = 2;
    cleanup_invocation_page invocation_page_t empty = {0}, unread = {0};
    assert_ok(records_list(pool, &ann, &filter, &empty, &err)); // none yet
    assert_int_equal(empty.count, 0);
    assert_fails(records_list(pool, &bob, &filter, &unread, &err), err, ERR_NOT_FOUND);

    for (int i = 0; i < 5; i++) {
        cleanup_invocation invocation_t inv = sample(id);
        assert_true(keep(&inv));
        memcpy(ids[i], inv.id, ID_TEXT);
    }
    assert_ok(functions_delete(&functions, &ann, id, -1, &err)); // its history stays
    int seen = 0;
    char cursor[CURSOR_TEXT] = "";
    do {
        cleanup_invocation_page invocation_page_t page = {0};
        filter.cursor = cursor[0] ? cursor : NULL;
        assert_ok(records_list(pool, &ann, &filter, &page, &err));
        for (size_t i = 0; i < page.count; i++) {
            assert_string_equal(page.items[i].id, ids[4 - seen++]);
            assert_null(page.items[i].logs);
        }
        memcpy(cursor, page.next, sizeof cursor);
    } while (cursor[0]);
    assert_int_equal(seen, 5);
    filter.cursor = NULL;
    assert_fails(records_list(pool, &bob, &filter, &unread, &err), err, ERR_NOT_FOUND);
    filter.cursor = "nonsense";
    assert_fails(records_list(pool, &ann, &filter, &unread, &err), err, ERR_INVALID);
    filter = INVOCATION_FILTER;
    cleanup_invocation_page invocation_page_t none = {0};
    assert_ok(records_list(pool, &bob, &filter, &none, &err));
    assert_int_equal(none.count, 0);
}

// How many of the function's records pass a filter, over all pages.
static int count(const access_t *access, invocation_filter_t filter, int *pages)
{
    err_t err = {0};
    char cursor[CURSOR_TEXT] = "";
    int seen = 0;
    *pages = 0;
    do {
        cleanup_invocation_page invocation_page_t page = {0};
        filter.cursor = cursor[0] ? cursor : NULL;
        if (records_list(pool, access, &filter, &page, &err) < 0)
            fail_msg("%s", err.msg);
        seen += (int)page.count;
        memcpy(cursor, page.next, sizeof cursor);
        ++*pages;
    } while (cursor[0]);
    return seen;
}

static void expect_count(invocation_filter_t filter, int expected)
{
    int pages;
    assert_int_equal(count(&ann, filter, &pages), expected);
    filter.limit = 1;
    assert_int_equal(count(&admin, filter, &pages), expected);
    assert_int_equal(pages, expected ? expected : 1);
    assert_int_equal(count(&viewer, filter, &pages), expected);
    if (!filter.function_id)
        assert_int_equal(count(&bob, filter, &pages), 0);
}

static int64_t arrived_ms(const invocation_t *inv)
{
    uint8_t id[ID_BYTES];
    assert_true(id_to_bytes(inv->id, id));
    return id_time_ms(id);
}

static void each_filter_leaves_out_what_does_not_pass(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    cleanup_invocation invocation_t usual = sample(id), other = sample(id);
    assert_true(keep(&usual));
    other.runtime = RUNTIME_DOCKER;
    other.start = -1;
    other.version = 4;
    other.status = INVOCATION_OOM;
    other.total_us = 40000;
    free(other.error_message), other.error_message = strdup("100%_full |");
    int64_t later = arrived_ms(&usual) + 60000;
    id_bound(later, other.id);
    assert_true(keep(&other));

    invocation_filter_t all = INVOCATION_FILTER, f;
    all.function_id = id;
    expect_count(all, 2);
    f = all, f.statuses = 1 << INVOCATION_OOM, expect_count(f, 1);
    f = all, f.statuses = 1 << INVOCATION_OOM | 1 << INVOCATION_ERROR, expect_count(f, 2);
    f = all, f.statuses = 1 << INVOCATION_OK | 1 << INVOCATION_CRASH, expect_count(f, 0);
    f = all, f.runtime = RUNTIME_DOCKER, expect_count(f, 1);
    f = all, f.start = START_WARM, expect_count(f, 1);
    f = all, f.start = START_COLD, expect_count(f, 0);
    f = all, f.version = 4, expect_count(f, 1);
    f = all, f.version = 5, expect_count(f, 0);
    f = all, f.from_ms = later, expect_count(f, 1);
    f = all, f.from_ms = later + 1, expect_count(f, 0);
    f = all, f.to_ms = later, expect_count(f, 1);
    f = all, f.to_ms = later + 1, expect_count(f, 2);
    f = all, f.min_ms = 40, expect_count(f, 1);
    f = all, f.min_ms = 41, expect_count(f, 0);
    f = all, f.q = "valueERROR", expect_count(f, 2);
    f = all, f.q = "100%_FULL |", expect_count(f, 1);
    f = all, f.q = "100%full", expect_count(f, 0);
    f = all, f.q = "'x'", f.runtime = RUNTIME_GVISOR, expect_count(f, 1);
    f = all, f.q = "'x'", f.runtime = RUNTIME_DOCKER, expect_count(f, 0);
    f = all, f.function_id = NULL, f.q = "100%_full |", expect_count(f, 1);
}

// Some 30,000 calls that went well, one every millisecond, and a failure before and after them.
static void fill(const char *function_id, int64_t first_ms)
{
    static const char digits[] =
        "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"
        " UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6"
        " UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    err_t err = {0};
    cleanup_db db_t *db = db_get(pool, &err);
    cleanup_buf buf_t sql = BUF_INIT(8192);
    buf_addf(
        &sql,
        "INSERT INTO invocations (id, function_id, function_name, owner_id, version, runtime,"
        " source, status, http_status, method, memory_mb, input_kind, logs_truncated)"
        " SELECT UNHEX(CONCAT(LPAD(HEX(%lld + n.n), 12, '0'), '70008000000000000000')), ?,"
        " 'f', ?, 1, 'docker', 'http', IF(n.n IN (0, 29999), 'error', 'ok'), 200, 'GET', 128,"
        " 'none', 0 FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * g.d n"
        " FROM %s a, %s b, %s c, %s e, (SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2) g) n",
        (long long)first_ms, digits, digits, digits, digits);
    assert_false(buf_failed(&sql));
    if (db_exec(db, buf_str(&sql), DB_PARAMS(db_id(function_id), db_id(ann.user_id)), NULL, &err) <
        0)
        fail_msg("%s", err.msg);
}

static void a_search_is_bounded_and_goes_on(void **state)
{
    (void)state;
    err_t err = {0};
    int pages;
    char id[ID_TEXT];
    id_new(id);
    // The one call whose metrics are there, after which the function is known, though it is gone.
    cleanup_invocation invocation_t last = sample(id);
    last.status = INVOCATION_OK;
    assert_true(keep(&last));
    fill(id, 1000000000000);
    invocation_filter_t filter = INVOCATION_FILTER;
    filter.function_id = id;
    filter.statuses = 1 << INVOCATION_ERROR;
    assert_int_equal(count(&ann, filter, &pages), 2);
    assert_int_equal(pages, 4); // three of 10,000 each, and one that finds the end
    assert_int_equal(count(&admin, filter, &pages), 2);
    filter.function_id = NULL;
    filter.to_ms = 1000000029999;
    assert_int_equal(count(&admin, filter, &pages), 1);
    assert_int_equal(pages, 3);

    filter = INVOCATION_FILTER;
    filter.function_id = id;
    filter.start = START_COLD; // none
    cleanup_invocation_page invocation_page_t first = {0};
    assert_ok(records_list(pool, &ann, &filter, &first, &err));
    assert_int_equal(first.count, 0);
    assert_string_not_equal(first.next, "");
    assert_int_equal(count(&ann, filter, &pages), 0); // and yet no 404
    assert_int_equal(pages, 4);
}

static void a_call_does_not_fail_for_its_record(void **state)
{
    (void)state;
    err_t err = {0};
    char id[ID_TEXT];
    id_new(id);
    journal_t *journal;
    assert_ok(journal_open(database.dir, JOURNAL_LIMITS(64), pool, &journal, &err));
    cleanup_invocation invocation_t inv = sample(id), lost = sample(id), read = {0};
    journal_record_sync(journal, &inv);
    assert_ok(records_get(pool, &ann, inv.id, &read, &err));
    database_hold(&database);
    int64_t start = clock_mono_ms();
    journal_record_sync(journal, &lost);
    assert_in_range(clock_mono_ms() - start, 0, 2000);
    kill(database.pid, SIGCONT);
    journal_close(journal);
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
        cmocka_unit_test(a_record_comes_back_whole_and_once),
        cmocka_unit_test(the_least_record_is_enough),
        cmocka_unit_test(texts_that_are_too_long_are_cut),
        cmocka_unit_test(records_are_listed_newest_first),
        cmocka_unit_test(each_filter_leaves_out_what_does_not_pass),
        cmocka_unit_test(a_search_is_bounded_and_goes_on),
        cmocka_unit_test(a_call_does_not_fail_for_its_record),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
