// Fills the database of a running stack with calls of the last days, through the code that records real
// ones: seed CALLS FUNCTIONS DAYS. For measuring queries on much data.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/config.h"
#include "core/crypto.h"
#include "model/function.h"
#include "model/invocation.h"
#include "model/metric.h"
#include "model/user.h"

enum { BATCH = 8192, FUNCTIONS_MAX = 1000, SQL_MAX = 16 * 1024, ANSWER_TIMEOUT_S = 600 };

static const int64_t DAY_MS = 86400 * 1000LL;

typedef struct {
    int64_t calls, functions, days;
} plan_t;

static function_t functions[FUNCTIONS_MAX];
static uint32_t state = 1;

static uint32_t below(uint32_t limit)
{
    state = state * 1664525U + 1013904223U;
    return (uint32_t)((uint64_t)(state >> 8) * limit >> 24);
}

static int make_functions(db_t *db, const plan_t *plan, err_t *err)
{
    user_t user;
    if (user_by_name(db, "admin", &user, err) < 0)
        return -1;
    const function_changes_t unknown = {0};
    access_t admin = {.role = ROLE_ADMIN, .scopes = SCOPE_ALL};
    memcpy(admin.user_id, user.id, ID_TEXT);
    str_copy(admin.username, sizeof admin.username, user.username);
    for (int64_t i = 0; i < plan->functions; i++) {
        char text[] = "", code[] = "def handler(event):\n    return event\n";
        function_t *f = &functions[i];
        *f = (function_t){.methods = METHOD_ALL, .timeout_ms = 3000, .memory_mb = 128};
        f->cpu_millis = 1000;
        f->disk_mb = 16;
        f->max_concurrency = 10;
        f->description = f->note = text;
        f->code = code;
        f->code_len = strlen(code);
        id_new(f->id);
        memcpy(f->owner_id, user.id, ID_TEXT);
        // The end of an id is random.
        snprintf(f->name, sizeof f->name, "seed-%s", f->id + 24);
        str_copy(f->route, sizeof f->route, f->name);
        if (function_insert(db, &admin, f, &unknown, err) < 0)
            return -1;
        f->description = f->note = f->code = NULL;
    }
    return 0;
}

// The first partition holds all that is past: here it becomes days, as if the stack had run all along.
static int divide(db_t *db, const char *table, bool by_id, int64_t days, err_t *err)
{
    char oldest[65], day[CLOCK_TEXT], name[16], id[ID_TEXT];
    {
        cleanup_db_rows db_rows_t *rows =
            db_query(db,
                     "SELECT partition_name FROM information_schema.partitions"
                     " WHERE table_schema = DATABASE() AND table_name = ?"
                     " ORDER BY partition_ordinal_position LIMIT 1",
                     DB_PARAMS(db_text(table)), err);
        if (!rows || db_next(rows, err) != 1)
            return -1;
        str_copy(oldest, sizeof oldest, db_get_text(rows, 0, NULL));
    }
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    int64_t today = clock_wall_us() / 1000 / DAY_MS;
    clock_format((today + 1) * DAY_MS * 1000, day);
    snprintf(name, sizeof name, "p%.4s%.2s%.2s", day, day + 5, day + 8);
    if (!str_eq(name, oldest))
        return err_set(err, ERR_INVALID, "%s has older days already: use a new stack", table);
    buf_addf(&sql, "ALTER TABLE %s REORGANIZE PARTITION %s INTO (", table, oldest);
    for (int64_t d = today - days; d <= today + 1; d++) {
        clock_format(d * DAY_MS * 1000, day);
        id_bound(d * DAY_MS, id);
        buf_addf(&sql, "%sPARTITION p%.4s%.2s%.2s VALUES LESS THAN (", d > today - days ? ", " : "",
                 day, day + 5, day + 8);
        if (by_id)
            buf_addf(&sql, "x'%.8s%.4s%.4s%.4s%.12s')", id, id + 9, id + 14, id + 19, id + 24);
        else
            buf_addf(&sql, "%lld)", (long long)(d * DAY_MS / 1000));
    }
    buf_adds(&sql, ")");
    return db_run(db, sql.data, sql.len, err);
}

static void put_time(char id[ID_TEXT], int64_t ms)
{
    uint8_t bytes[ID_BYTES];
    id_new(id);
    id_to_bytes(id, bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id_from_bytes(bytes, id);
}

static invocation_t call_at(const plan_t *plan, int64_t ms)
{
    static char type[] = "ValueError", message[] = "no such order", stack[] = "line 1\nline 2";
    static char path[] = "/fn/seed?x=1",
                log[] = "[{\"stream\":\"stdout\",\"t_ms\":1,\"text\":\"seen\\n\"}]";
    uint32_t f = below((uint32_t)plan->functions), dice = below(1000);
    invocation_t inv = {
        .version = 1,
        .runtime = below(5) ? RUNTIME_DOCKER : RUNTIME_GVISOR,
        .start = below(3) ? START_WARM : START_PREWARMED,
        .source = SOURCE_HTTP,
        .status = dice < 970   ? INVOCATION_OK
                  : dice < 990 ? INVOCATION_ERROR
                               : (invocation_status_t)(INVOCATION_TIMEOUT + dice % 5),
        .http_status = dice < 970 ? 200 : 500,
        .method = "GET",
        .path = path,
        .queue_us = 200 + below(2000),
        .init_us = 1000 + below(20000),
        .run_us = (int64_t)(f + 1) * 100 + below(1 << (8 + below(12))),
        .cpu_us = 1000 + below(20000),
        .memory_peak_bytes = (int64_t)(8 + f % 40) << 20 | below(1 << 20),
        .memory_mb = 128,
        .request_bytes = 0,
        .response_bytes = below(2000),
    };
    inv.total_us = inv.queue_us + inv.init_us + inv.run_us;
    if (inv.status != INVOCATION_OK) {
        inv.error_type = type;
        inv.error_message = message;
        inv.error_stack = stack;
    }
    if (dice % 10 == 0) {
        inv.logs = log;
        inv.logs_len = strlen(log);
    }
    put_time(inv.id, ms);
    memcpy(inv.function_id, functions[f].id, ID_TEXT);
    str_copy(inv.function_name, sizeof inv.function_name, functions[f].name);
    memcpy(inv.owner_id, functions[f].owner_id, ID_TEXT);
    return inv;
}

static int store(db_t *db, const invocation_t *items, size_t count, err_t *err)
{
    static bool inserted[BATCH];
    if (db_begin(db, err) < 0 || invocation_insert(db, items, count, inserted, err) < 0 ||
        metric_store(db, items, inserted, count, err) < 0)
        return -1;
    return db_commit(db, err);
}

static int fill(db_t *db, const plan_t *plan, err_t *err)
{
    static invocation_t items[BATCH];
    size_t count = 0;
    int64_t now = clock_wall_us() / 1000, span = plan->days * DAY_MS;
    for (int64_t i = 0; i < plan->calls; i++) {
        items[count++] = call_at(plan, now - span + i * (span / 1000) / plan->calls * 1000);
        if (count < BATCH && i + 1 < plan->calls)
            continue;
        if (store(db, items, count, err) < 0)
            return -1;
        count = 0;
        fprintf(stderr, "\r%lld of %lld", (long long)(i + 1), (long long)plan->calls);
    }
    fputc('\n', stderr);
    return 0;
}

static int seed(const plan_t *plan, err_t *err)
{
    config_t config;
    db_url_t url;
    db_pool_t *pool;
    db_limits_t limits = DB_LIMITS(1);
    limits.timeout_s = ANSWER_TIMEOUT_S;
    if (config_load(&config, err) < 0 || db_url_config(&config, &url, err) < 0)
        return -1;
    if (!config.db_url[0] && geteuid() == 0)
        str_copy(url.user, sizeof url.user, "root");
    if (db_pool_open(&url, limits, &pool, err) < 0)
        return -1;
    db_t *db = db_get(pool, err);
    int rc = -1;
    if (db) {
        rc = divide(db, "invocations", true, plan->days, err) < 0 ||
                     divide(db, "invocation_logs", true, plan->days, err) < 0 ||
                     divide(db, "metric_minute", false, plan->days, err) < 0 ||
                     make_functions(db, plan, err) < 0 || fill(db, plan, err) < 0
                 ? -1
                 : 0;
        db_put(db);
    }
    db_pool_close(pool);
    return rc;
}

int main(int argc, char **argv)
{
    plan_t plan;
    err_t err = {0};
    if (argc != 4 || str_int(argv[1], 1, 100000000, &plan.calls, &err) < 0 ||
        str_int(argv[2], 1, FUNCTIONS_MAX, &plan.functions, &err) < 0 ||
        str_int(argv[3], 1, 365, &plan.days, &err) < 0) {
        fputs("usage: seed CALLS FUNCTIONS DAYS\n", stderr);
        return 2;
    }
    if (crypto_init(&err) < 0 || seed(&plan, &err) < 0) {
        fprintf(stderr, "seed: %s\n", err.msg);
        return 1;
    }
    return 0;
}
