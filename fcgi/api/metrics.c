// Metrics: series, comparison and summary.
#include <string.h>

#include "api/handlers.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "core/ids.h"
#include "service/metrics.h"

static int64_t now_s(void)
{
    return clock_wall_us() / 1000000;
}

static void query_time(api_call_t *call, const char *name, int64_t *out)
{
    const char *text = request_query(call->request, name);
    int64_t us;
    err_t why;
    if (!text)
        return;
    if (clock_parse(text, &us, &why) < 0 || us < 0)
        field_errors_add(&call->errors, name, "must be a time such as 2026-01-31T12:00:00Z");
    else
        *out = us / 1000000;
}

static void query_range(api_call_t *call, metrics_range_t *range)
{
    query_time(call, "from", &range->from);
    query_time(call, "to", &range->to);
    api_query_int(call, "step", METRICS_STEP_MIN, METRICS_STEP_MAX, &range->step);
    api_query_word(call, "runtime", RUNTIME_WORDS, &range->runtime);
}

typedef int range_answer_t(db_pool_t *pool, const access_t *access, const char *function_id,
                           const metrics_range_t *range, buf_t *out, err_t *err);

static int answer_range(api_call_t *call, const char *function_id, metrics_range_t *range,
                        range_answer_t *answer, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(METRICS_ANSWER_MAX);
    if (metrics_range_complete(range, now_s(), err) < 0 ||
        answer(call->api->pool, &call->access, function_id, range, &json, err) < 0)
        return -1;
    return api_answer(call, 200, &json, err);
}

static int answer_series(api_call_t *call, const char *function_id, err_t *err)
{
    static const char *const names[] = {"from", "to", "step", "runtime", NULL};
    metrics_range_t range = METRICS_RANGE;
    query_range(call, &range);
    if (api_query_done(call, names, err) < 0)
        return -1;
    return answer_range(call, function_id, &range, metrics_series, err);
}

int api_metrics_system(api_call_t *call, err_t *err)
{
    return answer_series(call, NULL, err);
}

int api_metrics_function(api_call_t *call, err_t *err)
{
    return answer_series(call, call->params[0], err);
}

int api_metrics_compare(api_call_t *call, err_t *err)
{
    static const char *const names[] = {"function_id", "from", "to", NULL};
    metrics_range_t range = METRICS_RANGE;
    const char *function_id = request_query(call->request, "function_id");
    if (function_id && !id_valid(function_id))
        field_errors_add(&call->errors, "function_id", "must be an id");
    query_range(call, &range);
    if (api_query_done(call, names, err) < 0)
        return -1;
    return answer_range(call, function_id, &range, metrics_compare, err);
}

// The ids of "a,b,c", which is cut into them.
static size_t split_ids(api_call_t *call, char *text, const char *ids[METRIC_SCOPES_MAX])
{
    size_t count = 0;
    for (char *rest = text, *id; (id = strsep(&rest, ","));) {
        if (count == METRIC_SCOPES_MAX || !id_valid(id)) {
            field_errors_add(&call->errors, "ids", "must be at most %d ids with commas between",
                             METRIC_SCOPES_MAX);
            return 0;
        }
        ids[count++] = id;
    }
    return count;
}

int api_metrics_summary(api_call_t *call, err_t *err)
{
    static const char *const names[] = {"ids", "hours", "limit", "cursor", NULL};
    const char *ids[METRIC_SCOPES_MAX];
    const char *text = request_query(call->request, "ids");
    cleanup_free char *list = text ? strdup(text) : NULL;
    int64_t limit = text ? METRIC_SCOPES_MAX : 50, hours = 24;
    metrics_summary_t what = {.cursor = request_query(call->request, "cursor")};
    if (list) {
        what.id_count = split_ids(call, list, ids);
        what.ids = ids;
    }
    api_query_int(call, "limit", 1, METRIC_SCOPES_MAX, &limit);
    api_query_int(call, "hours", 1, METRICS_HOURS_MAX, &hours);
    if (api_query_done(call, names, err) < 0)
        return -1;
    what.limit = (int)limit;
    what.hours = (int)hours;
    cleanup_buf buf_t json = BUF_INIT(METRICS_ANSWER_MAX);
    if (metrics_summary(call->api->pool, &call->access, &what, now_s(), &json, err) < 0)
        return -1;
    return api_answer(call, 200, &json, err);
}
