// Ranges, steps and the memory that a function could have.
#include "base/clock.h"
#include "service/metrics.h"
#include "service/metrics_json.h"
#include "support.h"

enum { HOUR_S = 3600, DAY_S = 86400, MB = 1024 * 1024 };
static const int64_t NOW = 1795232930; // 2026-11-21T03:48:50Z

static void completed(metrics_range_t *r)
{
    err_t err = {0};
    if (metrics_range_complete(r, NOW, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(r->from % r->step, 0);
    assert_int_equal(r->to % r->step, 0);
    assert_true(r->from < r->to);
    assert_in_range((r->to - r->from) / r->step, 1, METRICS_POINTS_MAX);
}

static void the_last_day_is_the_default(void **state)
{
    (void)state;
    metrics_range_t r = METRICS_RANGE;
    completed(&r);
    assert_int_equal(r.step, 300);
    assert_int_equal(r.from, NOW - DAY_S - (NOW - DAY_S) % 300);
    assert_in_range(r.to, NOW, NOW + 299);

    metrics_range_t upto = {.from = -1, .to = 10 * DAY_S, .runtime = -1};
    completed(&upto);
    assert_int_equal(upto.from, 9 * DAY_S);
    assert_int_equal(upto.to, 10 * DAY_S);

    metrics_range_t since = {.from = NOW - HOUR_S, .to = -1, .runtime = -1};
    completed(&since);
    assert_int_equal(since.step, 60);
    assert_true(since.to >= NOW);
}

static void steps_grow_with_the_range(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds, step;
    } rows[] = {
        {60, 60},
        {5 * HOUR_S, 60},
        {5 * HOUR_S + 1, 300},
        {25 * HOUR_S, 300},
        {7 * DAY_S, HOUR_S},
        {30 * DAY_S, 6 * HOUR_S},
        {365 * DAY_S, DAY_S},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        metrics_range_t r = {.from = NOW - rows[i].seconds, .to = NOW, .runtime = -1};
        completed(&r);
        assert_int_equal(r.step, rows[i].step);
        assert_in_range(r.from, NOW - rows[i].seconds - r.step + 1, NOW - rows[i].seconds);
        assert_in_range(r.to, NOW, NOW + r.step - 1);
    }
}

static void the_coarsest_rows_that_fit_are_read(void **state)
{
    (void)state;
    static const struct {
        int64_t step;
        metric_level_t level;
    } rows[] = {
        {60, LEVEL_MINUTE},        {5400, LEVEL_MINUTE}, {HOUR_S, LEVEL_HOUR},
        {36 * HOUR_S, LEVEL_HOUR}, {DAY_S, LEVEL_DAY},   {7 * DAY_S, LEVEL_DAY},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(metrics_range_level(&(metrics_range_t){.step = rows[i].step}),
                         rows[i].level);
}

static void what_makes_no_series_is_refused(void **state)
{
    (void)state;
    err_t err;
    metrics_range_t empty = {.from = NOW, .to = NOW, .runtime = -1};
    metrics_range_t backwards = {.from = NOW, .to = NOW - 1, .runtime = -1};
    metrics_range_t odd = {.from = -1, .to = -1, .step = 90, .runtime = -1};
    metrics_range_t long_one = {.from = 0, .to = NOW, .step = 60, .runtime = -1};
    assert_fails(metrics_range_complete(&empty, NOW, &err), err, ERR_INVALID);
    assert_fails(metrics_range_complete(&backwards, NOW, &err), err, ERR_INVALID);
    assert_fails(metrics_range_complete(&odd, NOW, &err), err, ERR_INVALID);
    assert_fails(metrics_range_complete(&long_one, NOW, &err), err, ERR_INVALID);
    assert_contains(err.msg, "1500");
    metrics_range_t future = {.from = NOW + DAY_S, .to = -1, .runtime = -1};
    completed(&future);
}

static void a_limit_leaves_a_quarter_above_the_peak(void **state)
{
    (void)state;
    assert_int_equal(metrics_fitting_mb(0, 32), 32);
    assert_int_equal(metrics_fitting_mb(41 * (int64_t)MB, 32), 64);
    assert_int_equal(metrics_fitting_mb(41 * (int64_t)MB, 128), 128);
    assert_int_equal(metrics_fitting_mb(102 * (int64_t)MB, 32), 128);
    assert_int_equal(metrics_fitting_mb(103 * (int64_t)MB, 32), 192);
    assert_int_equal(metrics_fitting_mb(1000 * (int64_t)MB, 32), 1024);
}

static metric_t calls(int count, int64_t peak_mb, int oom)
{
    metric_t m = {0};
    for (int i = 0; i < count; i++) {
        invocation_t inv = {.memory_peak_bytes = peak_mb * MB};
        inv.status = i < oom ? INVOCATION_OOM : INVOCATION_OK;
        metric_add(&m, &inv);
    }
    return m;
}

static void assert_advice(int64_t limit_mb, metric_t m, const char *verdict, int suggested)
{
    char wanted[64];
    buf_t out = BUF_INIT(4096);
    function_t f = {.memory_mb = limit_mb};
    metrics_json_advice(&f, &m, &out);
    snprintf(wanted, sizeof wanted, "\"verdict\":\"%s\"", verdict);
    assert_contains(buf_str(&out), wanted);
    snprintf(wanted, sizeof wanted, "\"suggested_mb\":%d}", suggested);
    assert_contains(buf_str(&out), wanted);
    buf_free(&out);
}

static void advice_on_memory(void **state)
{
    (void)state;
    assert_advice(128, calls(19, 41, 0), "unknown", 128);
    assert_advice(128, calls(20, 41, 0), "smaller", 64);
    assert_advice(64, calls(20, 41, 0), "fits", 64);
    assert_advice(64, calls(20, 60, 0), "larger", 96);
    assert_advice(128, calls(2, 127, 1), "larger", 192);
    assert_advice(128, calls(2, 20, 1), "larger", 192); // killed before its peak was seen
    assert_advice(1024, calls(1, 1023, 1), "fits", 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_day_is_the_default),
        cmocka_unit_test(steps_grow_with_the_range),
        cmocka_unit_test(the_coarsest_rows_that_fit_are_read),
        cmocka_unit_test(what_makes_no_series_is_refused),
        cmocka_unit_test(a_limit_leaves_a_quarter_above_the_peak),
        cmocka_unit_test(advice_on_memory),
    };
    return RUN_TESTS(tests);
}
