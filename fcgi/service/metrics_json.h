// Sums as JSON; for service/metrics*.c only.
#ifndef CLOCHE_SERVICE_METRICS_JSON_H
#define CLOCHE_SERVICE_METRICS_JSON_H

#include "base/buf.h"
#include "model/function.h"
#include "model/metric.h"

// The members of a point, into an object that was begun; `seconds` is the time it stands for.
void metrics_json_figures(const metric_t *m, int64_t seconds, buf_t *out);
// {requests, …} with what only totals have: error types, distributions, the last call.
void metrics_json_totals(const char *key, const metric_t *m, int64_t seconds, buf_t *out);
void metrics_json_percentiles(const char *key, const histogram_t *h, buf_t *out);
void metrics_json_rate(const char *key, int64_t part, int64_t whole, buf_t *out); // null of none
void metrics_json_last(const metric_t *m, buf_t *out);

// What the function's memory limit could be, judged by its calls on the runtime it is set to.
void metrics_json_advice(const function_t *f, const metric_t *m, buf_t *out);

// The least of the usual limits that leaves a quarter above the peak; exposed for its test.
int64_t metrics_fitting_mb(int64_t peak_bytes, int64_t floor_mb);

#endif
