// Metrics in the text format of Prometheus.
//
// Counters and histograms are the sums of all time from the database, and so the same whichever worker
// answers; gauges are of this moment. A bounded number of functions is named.
#ifndef CLOCHE_SERVICE_EXPOSITION_H
#define CLOCHE_SERVICE_EXPOSITION_H

#include "base/buf.h"
#include "base/err.h"
#include "core/lease.h"
#include "db/db.h"
#include "model/access.h"
#include "service/journal.h"

// What the process that answers knows; NULL: does not answer.
typedef struct {
    const lease_counts_t *keeper;
    const journal_depth_t *journal;
    db_pool_counts_t database;
} exposition_state_t;

// `functions`: how many are named.
int exposition_write(db_pool_t *pool, const access_t *access, int functions,
                     const exposition_state_t *state, buf_t *out, err_t *err) MUSTCHECK;

#endif
