#include "service/metrics_json.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/limits.h"

static const char *const PHASE_NAMES[METRIC_PHASES] = {"queue_ms", "init_ms", "run_ms", "total_ms"};
static const double PERCENTS[] = {50, 90, 95, 99};
static const char *const PERCENT_NAMES[] = {"p50", "p90", "p95", "p99"};
enum { PERCENT_COUNT = sizeof PERCENTS / sizeof PERCENTS[0], MB = 1024 * 1024 };

void metrics_json_rate(const char *key, int64_t part, int64_t whole, buf_t *out)
{
    if (whole > 0)
        json_add_real(out, key, (double)part / (double)whole);
    else
        json_add_null(out, key);
}

void metrics_json_percentiles(const char *key, const histogram_t *h, buf_t *out)
{
    int64_t values[PERCENT_COUNT];
    histogram_percentiles(h, PERCENTS, PERCENT_COUNT, values);
    json_begin(out, key, '{');
    for (int i = 0; i < PERCENT_COUNT; i++)
        json_add_ms(out, PERCENT_NAMES[i], values[i]);
    json_end(out, '}');
}

static void put_counts(const metric_t *m, buf_t *out)
{
    int64_t requests = metric_requests(m), errors = metric_errors(m), started = 0;
    json_add_int(out, "requests", requests);
    json_add_int(out, "errors", errors);
    metrics_json_rate("success_rate", m->sums[METRIC_OK], m->sums[METRIC_OK] + errors, out);
    json_begin(out, "by_status", '{');
    for (int i = 0; i < METRIC_STATUS_COUNT; i++)
        json_add_int(out, invocation_status_name((invocation_status_t)i), m->sums[i]);
    json_end(out, '}');
    json_begin(out, "by_start", '{');
    for (int i = 0; i < START_COUNT; i++) {
        json_add_int(out, start_name((start_t)i), m->sums[METRIC_COLD + i]);
        started += m->sums[METRIC_COLD + i];
    }
    json_add_int(out, "none", requests - started);
    json_end(out, '}');
}

static void put_memory(const metric_t *m, buf_t *out)
{
    int64_t p95 = histogram_percentile(&m->histograms[METRIC_MEMORY], 95);
    if (m->memory_max_bytes)
        json_add_int(out, "memory_peak_bytes", m->memory_max_bytes);
    else
        json_add_null(out, "memory_peak_bytes");
    if (p95 >= 0)
        json_add_int(out, "memory_p95_bytes", p95 * 1024);
    else
        json_add_null(out, "memory_p95_bytes");
}

void metrics_json_figures(const metric_t *m, int64_t seconds, buf_t *out)
{
    put_counts(m, out);
    for (int i = 0; i < METRIC_PHASES; i++)
        metrics_json_percentiles(PHASE_NAMES[i], &m->histograms[i], out);
    json_add_ms(out, "cpu_ms", m->sums[METRIC_CPU_US]);
    metrics_json_rate("cpu_share", m->sums[METRIC_CPU_US], seconds * 1000000, out);
    put_memory(m, out);
    json_add_int(out, "request_bytes", m->sums[METRIC_REQUEST_BYTES]);
    json_add_int(out, "response_bytes", m->sums[METRIC_RESPONSE_BYTES]);
}

static int by_count(const void *a, const void *b)
{
    const metric_error_t *x = a, *y = b;
    return (x->count < y->count) - (x->count > y->count);
}

static void put_errors(const metric_t *m, buf_t *out)
{
    metric_error_t errors[METRIC_ERRORS_MAX];
    memcpy(errors, m->errors, sizeof errors);
    qsort(errors, m->error_count, sizeof errors[0], by_count);
    json_begin(out, "errors_by_type", '[');
    for (size_t i = 0; i < m->error_count; i++) {
        json_begin(out, NULL, '{');
        json_add_text(out, "type", errors[i].type);
        json_add_int(out, "count", errors[i].count);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void put_distribution(const char *key, const histogram_t *h, buf_t *out)
{
    uint64_t before = 0;
    json_begin(out, key, '[');
    for (int i = 0; i <= METRIC_BOUND_COUNT; i++) {
        bool last = i == METRIC_BOUND_COUNT;
        uint64_t count = last ? histogram_count(h) : histogram_count_to(h, METRIC_BOUNDS_US[i]);
        json_begin(out, NULL, '{');
        json_add_ms(out, "le_ms", last ? -1 : METRIC_BOUNDS_US[i]);
        json_add_int(out, "count", (int64_t)(count - before));
        json_end(out, '}');
        before = count;
    }
    json_end(out, ']');
}

void metrics_json_last(const metric_t *m, buf_t *out)
{
    static const uint8_t none[ID_BYTES];
    if (memcmp(m->last_id, none, ID_BYTES) == 0) {
        json_add_null(out, "last");
        return;
    }
    char id[ID_TEXT];
    id_from_bytes(m->last_id, id);
    json_begin(out, "last", '{');
    json_add_text(out, "id", id);
    json_add_text(out, "status", invocation_status_name(m->last_status));
    json_add_time(out, "at", id_time_ms(m->last_id) * 1000);
    json_end(out, '}');
}

void metrics_json_totals(const char *key, const metric_t *m, int64_t seconds, buf_t *out)
{
    json_begin(out, key, '{');
    metrics_json_figures(m, seconds, out);
    put_errors(m, out);
    json_begin(out, "distribution", '{');
    for (int i = 0; i < METRIC_PHASES; i++)
        put_distribution(PHASE_NAMES[i], &m->histograms[i], out);
    json_end(out, '}');
    metrics_json_last(m, out);
    json_end(out, '}');
}

// ---- advice

int64_t metrics_fitting_mb(int64_t peak_bytes, int64_t floor_mb)
{
    static const int64_t usual[] = {32, 48, 64, 96, 128, 192, 256, 384, 512, 768};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (usual[i] >= floor_mb && usual[i] * MB >= peak_bytes + peak_bytes / 4)
            return usual[i];
    return LIMIT_MEMORY_MB;
}

static void put_advice(const char *verdict, const function_t *f, const metric_t *m, int64_t mb,
                       buf_t *out)
{
    json_begin(out, "advice", '{');
    json_add_text(out, "verdict", verdict);
    json_add_text(out, "runtime", runtime_name(f->runtime));
    json_add_int(out, "memory_mb", f->memory_mb);
    put_memory(m, out);
    json_add_int(out, "suggested_mb", mb);
    json_end(out, '}');
}

void metrics_json_advice(const function_t *f, const metric_t *m, buf_t *out)
{
    enum { ENOUGH = 20 }; // calls whose peak is known
    bool short_of = m->sums[METRIC_OOM] > 0;
    int64_t floor_mb = limit_memory_floor_mb(f->language, f->runtime);
    int64_t mb = metrics_fitting_mb(m->memory_max_bytes, floor_mb);
    // A call that ran out of memory wanted more than the limit, nobody knows how much.
    if (short_of && mb <= f->memory_mb)
        mb = metrics_fitting_mb(f->memory_mb * MB, floor_mb);
    if (!short_of && histogram_count(&m->histograms[METRIC_MEMORY]) < ENOUGH)
        put_advice("unknown", f, m, f->memory_mb, out);
    else if (mb > f->memory_mb)
        put_advice("larger", f, m, mb, out);
    else if (mb < f->memory_mb)
        put_advice("smaller", f, m, mb, out);
    else
        put_advice("fits", f, m, f->memory_mb, out);
}
