// POST /api/functions/{id}/compare: the same input on both runtimes, several times each, in turns, so that
// what else the machine does meanwhile weighs on both alike.
#include <string.h>

#include "api/handlers.h"
#include "api/order.h"
#include "api/result.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/median.h"
#include "base/str.h"
#include "core/limits.h"

enum {
    // All runs together get the time one function may take. The web server waits a little longer.
    ALL_RUNS_MS = LIMIT_TIMEOUT_MS,
    // The runs of one runtime, escaped. What a run says beyond it is left out; the whole answer fits
    // into RESULT_MAX.
    SIDE_MAX = 16 * 1024 * 1024,
    BRIEF_MAX = 1024 * 1024, // a run without output and log
};

// What two runs must have in common for their outputs to be equal.
typedef struct {
    invocation_status_t status;
    int http_status;
    uint8_t hash[INVOCATION_HASH]; // of content type and body
} outcome_t;

typedef struct {
    buf_t runs; // JSON list
    int64_t figures[FIGURE_COUNT][ORDER_RUNS_MAX];
    size_t answered; // runs with status ok: as many figures of each kind
    size_t ran;      // runs that had a cell
    bool unavailable;
} side_t;

typedef struct {
    side_t sides[RUNTIME_COUNT];
    outcome_t first; // of all runs that had a cell
    bool differ;
} comparison_t;

static void comparison_init(comparison_t *c)
{
    *c = (comparison_t){0};
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        c->sides[r].runs = BUF_INIT(RESULT_MAX);
        json_begin(&c->sides[r].runs, NULL, '[');
    }
}

static void comparison_free(comparison_t *c)
{
    for (int r = 0; r < RUNTIME_COUNT; r++)
        buf_free(&c->sides[r].runs);
}
#define cleanup_comparison __attribute__((cleanup(comparison_free)))

// ---- one run more

static void add_document(side_t *side, const invocation_t *record, const invoke_answer_t *answer)
{
    size_t left = side->runs.len < SIDE_MAX ? SIDE_MAX - side->runs.len : 0;
    cleanup_buf buf_t json = BUF_INIT(left);
    json_begin(&json, NULL, '{');
    result_put(&json, record, answer);
    json_end(&json, '}');
    if (buf_failed(&json)) {
        buf_free(&json);
        json = BUF_INIT(BRIEF_MAX);
        json_begin(&json, NULL, '{');
        result_put_brief(&json, record, answer);
        json_end(&json, '}');
    }
    json_add_raw(&side->runs, NULL, buf_str(&json), json.len);
    side->runs.failed |= json.failed;
}

static void add_figures(side_t *side, const invocation_t *record)
{
    int64_t figures[FIGURE_COUNT];
    result_figures(record, figures);
    for (int i = 0; i < FIGURE_COUNT; i++)
        side->figures[i][side->answered] = figures[i];
    side->answered++;
}

static void add_outcome(comparison_t *c, const invocation_t *record)
{
    outcome_t outcome;
    memset(&outcome, 0, sizeof outcome); // padding is compared, too
    outcome.status = record->status;
    outcome.http_status = record->http_status;
    memcpy(outcome.hash, record->output_hash, sizeof outcome.hash);
    bool none = c->sides[RUNTIME_DOCKER].ran + c->sides[RUNTIME_GVISOR].ran == 0;
    if (none)
        c->first = outcome;
    else if (memcmp(&c->first, &outcome, sizeof outcome) != 0)
        c->differ = true;
}

static void add_run(comparison_t *c, const invocation_t *record, const invoke_answer_t *answer)
{
    side_t *side = &c->sides[record->runtime];
    add_document(side, record, answer);
    if (record->status == INVOCATION_REJECTED) {
        side->unavailable |= str_eq(record->error_type, "RuntimeUnavailable");
        return;
    }
    add_outcome(c, record);
    side->ran++;
    if (record->status == INVOCATION_OK)
        add_figures(side, record);
}

// ---- all of them

// Returns 0 to go on, 1 when the client has left.
static int run_once(api_call_t *call, order_t *order, function_t *f, runtime_t runtime, int left_ms,
                    comparison_t *c, err_t *err)
{
    char id[ID_TEXT];
    id_new(id);
    const order_run_t how = {
        .runtime = runtime,
        .id = id,
        .arrived_ns = clock_mono_ns(),
        .most_ms = left_ms,
    };
    cleanup_invocation invocation_t record = {0};
    invoke_answer_t answer = {0};
    if (order_run(call, order, f, &how, &record, &answer, err) < 0)
        return -1;
    order->stay_at = record.version;
    add_run(c, &record, &answer);
    invoke_answer_free(&answer);
    return record.status == INVOCATION_CANCELLED;
}

static int run_all(api_call_t *call, order_t *order, comparison_t *c, err_t *err)
{
    int64_t end_ns = call->request->arrived_ns + (int64_t)ALL_RUNS_MS * 1000000;
    cleanup_function function_t f = {0};
    if (order_function(call, order, &f, err) < 0)
        return -1;
    for (int64_t i = 0; i < order->runs * RUNTIME_COUNT; i++) {
        // Who goes first alternates: docker, gvisor, gvisor, docker, docker, ...
        runtime_t runtime = (i + 1) / 2 % 2 ? RUNTIME_GVISOR : RUNTIME_DOCKER;
        int left_ms = clock_left_ms(end_ns);
        if (left_ms == 0)
            break;
        if (c->sides[runtime].unavailable)
            continue;
        int ended = run_once(call, order, &f, runtime, left_ms, c, err);
        if (ended)
            return ended < 0 ? -1 : 0;
    }
    return 0;
}

// ---- the answer

static void put_medians(buf_t *out, side_t *side, const char *key)
{
    if (!side->answered) {
        json_add_null(out, key);
        return;
    }
    int64_t medians[FIGURE_COUNT];
    for (int i = 0; i < FIGURE_COUNT; i++)
        medians[i] = median_of(side->figures[i], side->answered);
    result_put_figures(out, key, medians);
}

// Nothing can be said when one of them did not run, or none answered.
static void put_equal(buf_t *out, const comparison_t *c)
{
    const side_t *docker = &c->sides[RUNTIME_DOCKER], *gvisor = &c->sides[RUNTIME_GVISOR];
    if (!docker->ran || !gvisor->ran || docker->answered + gvisor->answered == 0)
        json_add_null(out, "outputs_equal");
    else
        json_add_bool(out, "outputs_equal", !c->differ);
}

static int answer_comparison(api_call_t *call, comparison_t *c, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(RESULT_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "runs", '{');
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        buf_t *runs = &c->sides[r].runs;
        json_end(runs, ']');
        json_add_raw(&json, runtime_name((runtime_t)r), buf_str(runs), runs->len);
        json.failed |= runs->failed;
    }
    json_end(&json, '}');
    json_begin(&json, "medians", '{');
    for (int r = 0; r < RUNTIME_COUNT; r++)
        put_medians(&json, &c->sides[r], runtime_name((runtime_t)r));
    json_end(&json, '}');
    put_equal(&json, c);
    json_begin(&json, "available", '{');
    for (int r = 0; r < RUNTIME_COUNT; r++)
        json_add_bool(&json, runtime_name((runtime_t)r), !c->sides[r].unavailable);
    json_end(&json, '}');
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_compare(api_call_t *call, err_t *err)
{
    cleanup_order order_t order = {0};
    if (order_read(call, ORDER_COMPARE, &order, err) < 0)
        return -1;
    cleanup_comparison comparison_t comparison;
    comparison_init(&comparison);
    if (run_all(call, &order, &comparison, err) < 0)
        return -1;
    return answer_comparison(call, &comparison, err);
}
