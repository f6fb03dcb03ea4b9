// POST /api/invocations/{id}/replay: runs the input of a recorded call again, and compares.
#include <string.h>

#include "api/handlers.h"
#include "api/order.h"
#include "api/result.h"
#include "base/cleanup.h"
#include "service/auth.h"
#include "service/records.h"

static int read_record(api_call_t *call, invocation_t *record, err_t *err)
{
    if (auth_require(&call->access, SCOPE_METRICS_READ, err) < 0 ||
        records_get(call->api->pool, &call->access, call->params[0], record, err) < 0)
        return -1;
    if (record->input)
        return 0;
    return err_set(err, ERR_INPUT_NOT_KEPT,
                   "the function's record_input says which inputs are kept, up to %d bytes",
                   INVOCATION_INPUT_MAX);
}

// What was not found may be the version alone.
static int find_function(api_call_t *call, const order_t *order, function_t *f, err_t *err)
{
    if (order_function(call, order, f, err) == 0)
        return 0;
    order_t newest = *order;
    newest.version = 0;
    cleanup_function function_t there = {0};
    err_t why;
    if (err->code == ERR_NOT_FOUND && order_function(call, &newest, &there, &why) < 0 &&
        why.code == ERR_NOT_FOUND)
        err_set(err, ERR_FUNCTION_GONE, "its record and its input are still there");
    return -1;
}

// Whether both gave the same answer. Nothing can be said when neither gave one.
static void put_same(buf_t *out, const invocation_t *a, const invocation_t *b)
{
    bool both = a->status == INVOCATION_OK && b->status == INVOCATION_OK;
    if (a->status != INVOCATION_OK && b->status != INVOCATION_OK)
        json_add_null(out, "same_output");
    else if (both && (!a->has_output_hash || !b->has_output_hash))
        json_add_null(out, "same_output");
    else
        json_add_bool(out, "same_output",
                      both && a->http_status == b->http_status &&
                          memcmp(a->output_hash, b->output_hash, INVOCATION_HASH) == 0);
}

static int answer_replay(api_call_t *call, const invocation_t *original, const invocation_t *record,
                         const invoke_answer_t *answer, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(RESULT_MAX);
    json_begin(&json, NULL, '{');
    result_put(&json, record, answer);
    json_add_text(&json, "replay_of", original->id);
    put_same(&json, original, record);
    cleanup_buf buf_t brief = BUF_INIT(RESULT_MAX);
    records_json(original, false, &brief);
    json.failed |= brief.failed;
    json_add_raw(&json, "original", buf_str(&brief), brief.len);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_replay(api_call_t *call, err_t *err)
{
    cleanup_order order_t order = {0};
    cleanup_invocation invocation_t original = {0}, record = {0};
    cleanup_function function_t f = {0};
    if (order_read(call, ORDER_REPLAY, &order, err) < 0 || read_record(call, &original, err) < 0)
        return -1;
    order.replayed = &original;
    if (find_function(call, &order, &f, err) < 0)
        return -1;
    const order_run_t how = {
        .runtime = order.runtime < 0 ? f.runtime : (runtime_t)order.runtime,
        .id = call->request->id,
        .arrived_ns = call->request->arrived_ns,
    };
    invoke_answer_t answer = {0};
    if (order_run(call, &order, &f, &how, &record, &answer, err) < 0)
        return -1;
    int result = answer_replay(call, &original, &record, &answer, err);
    invoke_answer_free(&answer);
    return result;
}
