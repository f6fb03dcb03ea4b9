// Running a function for somebody who sees everything about the call: what is to run, read from the body
// of `execute`, `compare` or `replay`, and one run of it, kept as a record.
#ifndef CLOCHE_API_ORDER_H
#define CLOCHE_API_ORDER_H

#include <stdint.h>

#include "api/api.h"

enum { ORDER_RUNS_MAX = 20 };

typedef struct {
    int runtime;     // -1: the function's own
    int64_t version; // 0: the newest
    // Version to go on with should the function change between two runs; 0: the newest.
    int64_t stay_at;
    int64_t runs; // on each runtime
    buf_t input;  // JSON text; empty: none
    buf_t args;   // JSON list; empty: none
    // The call whose input is to run again, in place of input, args and the path's function; borrowed.
    const invocation_t *replayed;
} order_t;

// Which fields the body may have.
typedef enum {
    ORDER_EXECUTE, // input, args, version, runtime
    ORDER_COMPARE, // input, args, version, runs
    ORDER_REPLAY,  // version, runtime
} order_kind_t;

// Reads the body of the request, which may be empty. Free with order_free in any case.
int order_read(api_call_t *call, order_kind_t kind, order_t *order, err_t *err) MUSTCHECK;
void order_free(order_t *order);
#define cleanup_order __attribute__((cleanup(order_free)))

// The function of the request's path, or of the call to replay, in the version that was ordered.
int order_function(api_call_t *call, const order_t *order, function_t *f, err_t *err) MUSTCHECK;

typedef struct {
    runtime_t runtime;
    const char *id; // of the invocation
    int64_t arrived_ns;
    int64_t most_ms;           // a bound below the function's own timeout; 0: none
    const invoke_sink_t *sink; // or NULL
} order_run_t;

// Runs the function once and keeps the record. A function that turns out to have changed is read again,
// in place. Returns 0 with *record and *answer filled, which the caller frees.
int order_run(api_call_t *call, order_t *order, function_t *f, const order_run_t *how,
              invocation_t *record, invoke_answer_t *answer, err_t *err) MUSTCHECK;

#endif
