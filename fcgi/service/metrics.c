#include "service/metrics.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"
#include "model/function.h"
#include "service/metrics_json.h"

// ---- series and totals

// One reading of the rows of a scope: they come in order of time, and each point is written when it is
// complete.
typedef struct {
    const metrics_range_t *range;
    buf_t *series; // NULL: only totals are wanted
    int64_t at;    // the point that is being added up
    bool any;      // it has a row
    metric_t point[RUNTIME_COUNT], totals[RUNTIME_COUNT], sum;
} reading_t;

static void finish_point(reading_t *r)
{
    static const metric_t empty;
    if (r->any) {
        r->sum = r->point[0];
        for (int i = 1; i < RUNTIME_COUNT; i++)
            metric_merge(&r->sum, &r->point[i]);
        for (int i = 0; i < RUNTIME_COUNT; i++)
            metric_merge(&r->totals[i], &r->point[i]);
        memset(r->point, 0, sizeof r->point);
    }
    if (r->series) {
        json_begin(r->series, NULL, '{');
        json_add_time(r->series, "t", r->at * 1000000);
        metrics_json_figures(r->any ? &r->sum : &empty, r->range->step, r->series);
        json_end(r->series, '}');
    }
    r->any = false;
    r->at += r->range->step;
}

static metric_t *place(void *ctx, const metric_key_t *key)
{
    reading_t *r = ctx;
    while (key->t >= r->at + r->range->step)
        finish_point(r);
    r->any = true;
    return &r->point[key->runtime];
}

static int read_scope(db_t *db, const access_t *access, const char *function_id, reading_t *r,
                      err_t *err)
{
    const char *scope = function_id ? function_id : metric_whole(access);
    const metric_filter_t filter = {.level = metrics_range_level(r->range),
                                    .scopes = &scope,
                                    .scope_count = 1,
                                    .functions = function_id != NULL,
                                    .from = r->range->from,
                                    .to = r->range->to,
                                    .runtime = r->range->runtime};
    r->at = r->range->from;
    if ((function_id && function_known(db, access, SCOPE_METRICS_READ, function_id, err) < 0) ||
        metric_read(db, access, &filter, place, r, err) < 0)
        return -1;
    while (r->at < r->range->to)
        finish_point(r);
    return 0;
}

static void put_head(const char *function_id, const metrics_range_t *range, buf_t *out)
{
    if (function_id)
        json_add_text(out, "function_id", function_id);
    json_add_time(out, "from", range->from * 1000000);
    json_add_time(out, "to", range->to * 1000000);
    json_add_int(out, "step", range->step);
    json_add_text(out, "runtime",
                  range->runtime < 0 ? NULL : runtime_name((runtime_t)range->runtime));
}

// Each runtime's totals, null where nothing ran.
static void put_runtimes(const reading_t *r, buf_t *out)
{
    int64_t seconds = r->range->to - r->range->from;
    for (int i = 0; i < RUNTIME_COUNT; i++) {
        const char *name = runtime_name((runtime_t)i);
        if (metric_requests(&r->totals[i]))
            metrics_json_totals(name, &r->totals[i], seconds, out);
        else
            json_add_null(out, name);
    }
}

// 1: it is there, 0: it was; -1.
static int find_function(db_t *db, const access_t *access, const char *id, function_t *f,
                         err_t *err)
{
    err_t why = {0};
    if (function_get(db, access, SCOPE_METRICS_READ, id, f, &why) == 0)
        return 1;
    if (why.code == ERR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

int metrics_series(db_pool_t *pool, const access_t *access, const char *function_id,
                   const metrics_range_t *range, buf_t *out, err_t *err)
{
    cleanup_free reading_t *r = calloc(1, sizeof *r);
    cleanup_function function_t f = {0};
    cleanup_db db_t *db = db_get(pool, err);
    if (!db)
        return -1;
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *r = (reading_t){.range = range, .series = out};
    json_begin(out, NULL, '{');
    put_head(function_id, range, out);
    json_begin(out, "series", '[');
    if (read_scope(db, access, function_id, r, err) < 0)
        return -1;
    json_end(out, ']');
    int there = function_id ? find_function(db, access, function_id, &f, err) : 0;
    if (there < 0)
        return -1;
    r->sum = r->totals[0];
    for (int i = 1; i < RUNTIME_COUNT; i++)
        metric_merge(&r->sum, &r->totals[i]);
    metrics_json_totals("totals", &r->sum, range->to - range->from, out);
    json_begin(out, "by_runtime", '{');
    put_runtimes(r, out);
    json_end(out, '}');
    if (there)
        metrics_json_advice(&f, &r->totals[f.runtime], out);
    json_end(out, '}');
    return 0;
}

// ---- docker against gVisor

static void put_ratio(const char *key, int64_t docker, int64_t gvisor, buf_t *out)
{
    metrics_json_rate(key, gvisor >= 0 ? gvisor : 0, gvisor >= 0 ? docker : 0, out);
}

static int64_t mean(int64_t sum, int64_t count)
{
    return count ? sum / count : -1;
}

// How many times as long, or as much, gVisor takes.
static void put_ratios(const metric_t *docker, const metric_t *gvisor, buf_t *out)
{
    static const char *const names[METRIC_PHASES] = {"queue_p50", "init_p50", "run_p50",
                                                     "total_p50"};
    json_begin(out, "gvisor_to_docker", '{');
    for (int i = 0; i < METRIC_PHASES; i++)
        put_ratio(names[i], histogram_percentile(&docker->histograms[i], 50),
                  histogram_percentile(&gvisor->histograms[i], 50), out);
    put_ratio("cpu_per_call", mean(docker->sums[METRIC_CPU_US], metric_requests(docker)),
              mean(gvisor->sums[METRIC_CPU_US], metric_requests(gvisor)), out);
    put_ratio("memory_p95", histogram_percentile(&docker->histograms[METRIC_MEMORY], 95),
              histogram_percentile(&gvisor->histograms[METRIC_MEMORY], 95), out);
    json_end(out, '}');
}

int metrics_compare(db_pool_t *pool, const access_t *access, const char *function_id,
                    const metrics_range_t *range, buf_t *out, err_t *err)
{
    cleanup_free reading_t *r = calloc(1, sizeof *r);
    cleanup_db db_t *db = db_get(pool, err);
    if (!db)
        return -1;
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *r = (reading_t){.range = range};
    if (read_scope(db, access, function_id, r, err) < 0)
        return -1;
    json_begin(out, NULL, '{');
    put_head(function_id, range, out);
    put_runtimes(r, out);
    put_ratios(&r->totals[RUNTIME_DOCKER], &r->totals[RUNTIME_GVISOR], out);
    json_end(out, '}');
    return 0;
}
