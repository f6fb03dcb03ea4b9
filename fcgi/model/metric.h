// Metrics: sums over calls, by function, owner and system, in minutes, hours, days and all time.
//
// They are written in the transaction that inserts the calls and count only those that were new to the
// table, so they agree with it and with each other at any time. Counts, sums and latency buckets add up:
// any range, runtime or set of functions is the sum of its rows.
#ifndef CLOCHE_MODEL_METRIC_H
#define CLOCHE_MODEL_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/histogram.h"
#include "core/lease.h"
#include "db/db.h"
#include "model/access.h"
#include "model/invocation.h"

// member, column; the first ones in the order of invocation_status_t, the next in that of start_t
#define METRIC_SUMS(X)                       \
    X(METRIC_OK, "ok")                       \
    X(METRIC_ERROR, "error")                 \
    X(METRIC_TIMEOUT, "timeout")             \
    X(METRIC_OOM, "oom")                     \
    X(METRIC_CRASH, "crash")                 \
    X(METRIC_REJECTED, "rejected")           \
    X(METRIC_CANCELLED, "cancelled")         \
    X(METRIC_COLD, "cold")                   \
    X(METRIC_PREWARMED, "prewarmed")         \
    X(METRIC_WARM, "warm")                   \
    X(METRIC_QUEUE_US, "queue_us")           \
    X(METRIC_INIT_US, "init_us")             \
    X(METRIC_RUN_US, "run_us")               \
    X(METRIC_TOTAL_US, "total_us")           \
    X(METRIC_CPU_US, "cpu_us")               \
    X(METRIC_REQUEST_BYTES, "request_bytes") \
    X(METRIC_RESPONSE_BYTES, "response_bytes")

typedef enum {
#define X(name, column) name,
    METRIC_SUMS(X)
#undef X
        METRIC_SUM_COUNT,
} metric_sum_t;

enum { METRIC_STATUS_COUNT = METRIC_COLD };

// In the order of METRIC_QUEUE_US and on; memory in KiB.
typedef enum { METRIC_QUEUE, METRIC_INIT, METRIC_RUN, METRIC_TOTAL, METRIC_PHASES } metric_phase_t;
enum { METRIC_MEMORY = METRIC_PHASES, METRIC_HISTOGRAMS };

// Error types are names that functions give, so a row keeps only so many; calls with others count as
// METRIC_OTHER_ERROR.
enum { METRIC_ERRORS_MAX = 16, METRIC_ERROR_TEXT = 65 };
#define METRIC_OTHER_ERROR "(other)"

typedef struct {
    char type[METRIC_ERROR_TEXT];
    int64_t count;
} metric_error_t;

typedef struct {
    int64_t sums[METRIC_SUM_COUNT];
    int64_t memory_max_bytes;  // 0: not known
    uint8_t last_id[ID_BYTES]; // of the newest call, zeros without one
    invocation_status_t last_status;
    histogram_t histograms[METRIC_HISTOGRAMS];
    metric_error_t errors[METRIC_ERRORS_MAX];
    size_t error_count;
} metric_t;

void metric_add(metric_t *m, const invocation_t *inv);
void metric_add_error(metric_t *m, const char *type, int64_t count);
void metric_merge(metric_t *into, const metric_t *from);
int64_t metric_requests(const metric_t *m);
// Calls that failed: neither ok nor given up by their caller.
int64_t metric_errors(const metric_t *m);

// Bounds of the distributions that are shown, and of the buckets Prometheus gets, in microseconds.
enum { METRIC_BOUND_COUNT = 16 };
extern const int64_t METRIC_BOUNDS_US[METRIC_BOUND_COUNT];

// ---- rows

typedef enum { LEVEL_MINUTE, LEVEL_HOUR, LEVEL_DAY, LEVEL_TOTAL, LEVEL_COUNT } metric_level_t;

// Length in seconds, 0 for LEVEL_TOTAL.
int64_t metric_level_seconds(metric_level_t level);

// The scope of everything.
#define METRIC_SYSTEM "00000000-0000-0000-0000-000000000000"
// The scope that answers a question about everything: a developer's own, or the system's.
const char *metric_whole(const access_t *access);

// Counts the records that `inserted` marks, in the caller's transaction, in all scopes and levels. Rows
// are locked in one order by everybody; should two writers deadlock after all, it is ERR_UNAVAILABLE and
// the whole transaction is to be repeated.
int metric_store(db_t *db, const invocation_t *items, const bool *inserted, size_t count,
                 err_t *err) MUSTCHECK;

enum { METRIC_SCOPES_MAX = 100 };

typedef struct {
    metric_level_t level;
    const char *const *scopes; // ids of functions, of a user, or METRIC_SYSTEM
    size_t scope_count;        // 1 to METRIC_SCOPES_MAX
    bool functions;   // the scopes are functions: rows of users and the system do not match
    int64_t from, to; // seconds since 1970, `to` exclusive; ignored for LEVEL_TOTAL
    int runtime;      // runtime_t, -1: all
} metric_filter_t;

// What a row is about.
typedef struct {
    char scope_id[ID_TEXT];
    int64_t t;
    runtime_t runtime;
} metric_key_t;

// Where the row of this key is to be added; NULL: nowhere.
typedef metric_t *metric_place_t(void *ctx, const metric_key_t *key);

// Adds all rows that match and that `access` may see, in order of scope and time. The number of rows,
// or -1.
int metric_read(db_t *db, const access_t *access, const metric_filter_t *filter,
                metric_place_t *place, void *ctx, err_t *err) MUSTCHECK;

// ---- functions, to put names to ids

typedef struct {
    char id[ID_TEXT], name[FUNCTION_NAME_TEXT], owner[USERNAME_TEXT];
} metric_function_t;

typedef struct {
    const char *const *ids; // those of them that are there and may be seen; NULL: all, newest first
    size_t id_count;        // at most METRIC_SCOPES_MAX
    const char *before;     // an id: only older ones; NULL: from the newest
    int limit;
} metric_function_filter_t;

// Fills out[limit]; how many, or -1.
int metric_functions(db_t *db, const access_t *access, const metric_function_filter_t *filter,
                     metric_function_t *out, err_t *err) MUSTCHECK;
// The functions with the most calls ever, deleted ones left out; the same.
int metric_busiest(db_t *db, const access_t *access, metric_function_t *out, int limit,
                   err_t *err) MUSTCHECK;

#endif
