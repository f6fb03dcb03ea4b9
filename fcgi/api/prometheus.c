// GET /metrics, for Prometheus.
#include "api/handlers.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "service/exposition.h"

enum { ANSWER_MAX = 32 * 1024 * 1024 };

int api_prometheus(api_call_t *call, err_t *err)
{
    static const char *const names[] = {NULL};
    const api_t *api = call->api;
    err_t why;
    lease_counts_t counts;
    journal_depth_t depth;
    exposition_state_t state = {0};
    if (api_query_done(call, names, err) < 0)
        return -1;
    db_pool_counts(api->pool, &state.database);
    if (invoke_counts(call->thread, &counts, &why) == 0)
        state.keeper = &counts;
    else
        log_fail(LOG_WARN, "metrics: no keeper", &why, NULL);
    if (journal_depth(api->journal, &depth, &why) == 0)
        state.journal = &depth;
    else
        log_fail(LOG_WARN, "metrics: no journal", &why, NULL);
    cleanup_buf buf_t text = BUF_INIT(ANSWER_MAX);
    if (exposition_write(api->pool, &call->access, (int)api->config->prometheus_functions, &state,
                         &text, err) < 0)
        return -1;
    if (buf_failed(&text))
        return err_set(err, ERR_INTERNAL, "the metrics do not fit into %d bytes", ANSWER_MAX);
    call->response->status = 200;
    response_header(call->response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    buf_free(&call->response->body);
    call->response->body = text;
    text = BUF_INIT(ANSWER_MAX);
    return 0;
}
