// Metrics as the API shows them: series, totals, comparisons and summaries over the sums that
// model/metric keeps. The calls themselves are never read. docs/metrics.md has the answers.
#ifndef CLOCHE_SERVICE_METRICS_H
#define CLOCHE_SERVICE_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "db/db.h"
#include "model/access.h"
#include "model/metric.h"

enum {
    METRICS_POINTS_MAX = 1500,
    METRICS_STEP_MIN = 60,
    METRICS_STEP_MAX = 30 * 86400,
    METRICS_HOURS_MAX = 168, // of a summary
    METRICS_ANSWER_MAX = 8 * 1024 * 1024,
};

// Seconds since 1970; `to` is exclusive.
typedef struct {
    int64_t from, to; // -1: not given
    int64_t step;     // 0: not given
    int runtime;      // runtime_t, -1: all
} metrics_range_t;

#define METRICS_RANGE ((metrics_range_t){.from = -1, .to = -1, .runtime = -1})

// Fills in what is not given (the last 24 hours, a step that makes at most 300 points) and widens the
// range to whole steps. ERR_INVALID, with the sentence for the one who asked.
int metrics_range_complete(metrics_range_t *range, int64_t now, err_t *err) MUSTCHECK;
// The coarsest rows that the steps are made of.
metric_level_t metrics_range_level(const metrics_range_t *range);

// Each appends its answer as JSON. The range is complete. A function that the login may not see and that
// has no metrics it may see is ERR_NOT_FOUND; `function_id` NULL is all that the login may see.
int metrics_series(db_pool_t *pool, const access_t *access, const char *function_id,
                   const metrics_range_t *range, buf_t *out, err_t *err) MUSTCHECK;
int metrics_compare(db_pool_t *pool, const access_t *access, const char *function_id,
                    const metrics_range_t *range, buf_t *out, err_t *err) MUSTCHECK;

typedef struct {
    const char *const *ids; // only these; NULL: all, in pages
    size_t id_count;
    const char *cursor; // NULL: the first page
    int limit;          // 1 to METRIC_SCOPES_MAX
    int hours;          // 1 to METRICS_HOURS_MAX, the hour that runs included
} metrics_summary_t;

int metrics_summary(db_pool_t *pool, const access_t *access, const metrics_summary_t *what,
                    int64_t now, buf_t *out, err_t *err) MUSTCHECK;

#endif
