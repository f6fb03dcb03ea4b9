// How metrics are stored; for model/metric*.c only.
#ifndef CLOCHE_MODEL_METRIC_ROW_H
#define CLOCHE_MODEL_METRIC_ROW_H

#include "model/metric.h"
#include "model/row.h"

#define METRIC_KEY_COLUMNS "scope_id, t, runtime"
#define METRIC_VALUE_COLUMNS                                                       \
    "ok, error, timeout, oom, crash, rejected, cancelled, cold, prewarmed, warm,"  \
    " queue_us, init_us, run_us, total_us, cpu_us, request_bytes, response_bytes," \
    " memory_max_bytes, last_id, last_status, histograms, errors"
enum { METRIC_VALUE_COUNT = METRIC_SUM_COUNT + 5 };

const char *metric_table(metric_level_t level);

void metric_take_key(row_t *row, metric_key_t *key);
// Adds the value columns of a row.
int metric_take_values(row_t *row, metric_t *into, err_t *err) MUSTCHECK;

#endif
