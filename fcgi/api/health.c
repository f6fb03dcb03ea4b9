// GET /api/health: whether calls can be served, and what is wrong, in words.
//
// "unavailable" (503) means that calls are not served, "degraded" (200) that some are not, or not for long.
// Which part it is, and its counts, are for those who have logged in. But who logs in cannot be told without
// the database: that it is away, anybody hears.
#include "api/handlers.h"
#include "base/cleanup.h"
#include "base/log.h"

enum {
    ANSWER_MAX = 64 * 1024,
    PROBLEMS_MAX = 8 * 1024,
    JOURNAL_LATE_MS = 5000, // records reach the database within 100 ms
};

typedef struct {
    api_call_t *call;
    buf_t parts;    // members of the answer
    buf_t problems; // members of a list
    bool database, keeper;
    lease_counts_t counts;
} health_t;

// Begins a part: ok, and in words why it is not. The caller adds its counts, and ends it.
static void begin_part(health_t *h, const char *name, const char *problem)
{
    json_begin(&h->parts, name, '{');
    json_add_bool(&h->parts, "ok", !problem);
    json_add_text(&h->parts, "problem", problem);
    if (!problem)
        return;
    cleanup_buf buf_t line = BUF_INIT(PROBLEMS_MAX);
    buf_addf(&line, "%s: %s", name, problem);
    json_add_text(&h->problems, NULL, buf_str(&line));
}

static void end_part(health_t *h)
{
    json_end(&h->parts, '}');
}

// ---- the parts

// To begin a transaction takes one round trip; db_put ends it.
static int ask_database(db_pool_t *pool, err_t *err)
{
    cleanup_db db_t *db = db_get(pool, err);
    return db ? db_begin(db, err) : -1;
}

static void put_database(health_t *h)
{
    err_t why;
    db_pool_counts_t counts;
    h->database = ask_database(h->call->api->pool, &why) == 0;
    if (!h->database)
        log_fail(LOG_WARN, "health: no database", &why, NULL);
    db_pool_counts(h->call->api->pool, &counts);
    begin_part(h, "database",
               h->database
                   ? NULL
                   : "it does not answer; functions that were called lately are still served");
    json_add_int(&h->parts, "connections", counts.connections);
    json_add_int(&h->parts, "open", counts.open);
    json_add_int(&h->parts, "in_use", counts.in_use);
    end_part(h);
}

static void put_journal(health_t *h)
{
    err_t err;
    journal_depth_t depth = {0};
    cleanup_buf buf_t text = BUF_INIT(PROBLEMS_MAX);
    if (journal_depth(h->call->api->journal, &depth, &err) < 0)
        buf_addf(&text, "its files cannot be read: %s", err.msg);
    else if (depth.oldest_ms >= JOURNAL_LATE_MS)
        buf_addf(&text, "%llu %s for the database, the oldest for %lld s",
                 (unsigned long long)depth.records,
                 depth.records == 1 ? "record waits" : "records wait",
                 (long long)(depth.oldest_ms / 1000));
    begin_part(h, "journal", text.len ? text.data : NULL);
    json_add_int(&h->parts, "records", (int64_t)depth.records);
    json_add_int(&h->parts, "bytes", (int64_t)depth.bytes);
    json_add_int(&h->parts, "oldest_ms", depth.oldest_ms);
    json_add_int(&h->parts, "segments", depth.segments);
    json_add_int(&h->parts, "set_aside", depth.set_aside);
    end_part(h);
}

static void put_pool(buf_t *out, language_t language, runtime_t runtime, const lease_pool_t *pool)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "language", language_name(language));
    json_add_text(out, "runtime", runtime_name(runtime));
    json_add_bool(out, "available", pool->available);
    json_add_int(out, "ready", pool->ready);
    json_add_int(out, "creating", pool->creating);
    json_add_int(out, "prepared", pool->prepared);
    json_add_int(out, "leased", pool->leased);
    json_add_int(out, "idle", pool->idle);
    json_end(out, '}');
}

static void put_keeper(health_t *h)
{
    err_t why;
    const lease_counts_t *counts = &h->counts;
    buf_t *out = &h->parts;
    h->keeper = invoke_counts(h->call->thread, &h->counts, &why) == 0;
    if (!h->keeper)
        log_fail(LOG_WARN, "health: no keeper", &why, NULL);
    begin_part(h, "keeper", h->keeper ? NULL : "it does not answer; no call gets a container");
    if (h->keeper) {
        json_add_bool(out, "engine_ok", counts->engine_ok);
        json_add_int(out, "cells", counts->cells);
        json_add_int(out, "max_cells", counts->max_cells);
        json_add_int(out, "queued", counts->queued);
        json_begin(out, "pools", '[');
        for (int l = 0; l < LANG_COUNT; l++)
            for (int r = 0; r < RUNTIME_COUNT; r++)
                put_pool(out, (language_t)l, (runtime_t)r, &counts->pools[l][r]);
        json_end(out, ']');
    }
    end_part(h);
}

static void put_engine(health_t *h)
{
    begin_part(h, "engine",
               h->counts.engine_ok
                   ? NULL
                   : "it does not answer; only containers that are ready can be used");
    end_part(h);
}

// What the last launches of a runtime's containers failed of.
static void put_runtime(health_t *h, runtime_t runtime)
{
    cleanup_buf buf_t text = BUF_INIT(PROBLEMS_MAX);
    if (h->counts.missing[runtime])
        buf_adds(&text, "the engine does not have this runtime");
    for (int l = 0; l < LANG_COUNT && !h->counts.missing[runtime]; l++)
        if (h->counts.why[l][runtime][0])
            buf_addf(&text, "%sno container of %s could be made: %s", text.len ? "; " : "",
                     language_name((language_t)l), h->counts.why[l][runtime]);
    begin_part(h, runtime_name(runtime), text.len ? text.data : NULL);
    end_part(h);
}

// ---- all of them

// Whether a call of any kind would still get a container.
static bool serves(const health_t *h)
{
    bool ready = false, available = false;
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            const lease_pool_t *pool = &h->counts.pools[l][r];
            ready |= pool->ready + pool->idle > 0;
            available |= pool->available;
        }
    return h->database && h->keeper && (ready || (h->counts.engine_ok && available));
}

static void look(health_t *h)
{
    put_database(h);
    put_journal(h);
    put_keeper(h);
    if (!h->keeper)
        return;
    put_engine(h);
    for (int r = 0; r < RUNTIME_COUNT; r++)
        put_runtime(h, (runtime_t)r);
}

static int answer(health_t *h, err_t *err)
{
    bool ok = serves(h);
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_add_text(&json, "status", !ok ? "unavailable" : h->problems.len ? "degraded" : "ok");
    if (h->call->signed_in) {
        json_begin(&json, "problems", '[');
        buf_adds(&json, buf_str(&h->problems));
        json_end(&json, ']');
        buf_addf(&json, ",%s", buf_str(&h->parts));
    } else if (!h->database) {
        json_begin(&json, "problems", '[');
        json_add_text(&json, NULL, "database: it does not answer, so no login can be checked");
        json_end(&json, ']');
    }
    json_end(&json, '}');
    json.failed |= h->parts.failed | h->problems.failed;
    return api_answer(h->call, ok ? 200 : 503, &json, err);
}

int api_health(api_call_t *call, err_t *err)
{
    health_t h = {.call = call, .parts = BUF_INIT(ANSWER_MAX), .problems = BUF_INIT(ANSWER_MAX)};
    look(&h);
    int result = answer(&h, err);
    buf_free(&h.parts);
    buf_free(&h.problems);
    return result;
}
