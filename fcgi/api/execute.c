// POST /api/functions/{id}/execute: runs a function once and tells everything about the call, as one
// document or, for Accept: application/x-ndjson, line by line while it runs.
#include "api/handlers.h"
#include "api/order.h"
#include "api/problem.h"
#include "api/result.h"
#include "base/cleanup.h"
#include "http/header.h"

enum { LINE_BYTES = 2 * 1024 * 1024 }; // a piece of log, escaped

// ---- line by line

static void begin_line(buf_t *line, const char *event)
{
    json_begin(line, NULL, '{');
    json_add_text(line, "event", event);
}

static void send_line(api_call_t *call, buf_t *line)
{
    json_end(line, '}');
    buf_addc(line, '\n');
    // A client that left shows on its socket, which the invocation watches.
    if (!buf_failed(line))
        response_write(call->response, line->data, line->len);
}

static void on_phase(void *ctx, invoke_phase_t phase, int64_t t_us)
{
    cleanup_buf buf_t line = BUF_INIT(256);
    begin_line(&line, "phase");
    json_add_text(&line, "phase", invoke_phase_name(phase));
    json_add_ms(&line, "t_ms", t_us);
    send_line(ctx, &line);
}

static void on_log(void *ctx, const call_log_line_t *printed)
{
    cleanup_buf buf_t line = BUF_INIT(LINE_BYTES);
    begin_line(&line, "log");
    call_log_line_json(&line, printed);
    send_line(ctx, &line);
}

static int begin_stream(api_call_t *call)
{
    response_header(call->response, "Content-Type", "application/x-ndjson");
    if (response_stream(call->response) < 0)
        return -1;
    cleanup_buf buf_t line = BUF_INIT(256);
    begin_line(&line, "accepted");
    json_add_text(&line, "invocation_id", call->request->id);
    send_line(call, &line);
    return 0;
}

// The stream has begun and cannot become a problem document any more.
static void end_stream_with_error(api_call_t *call, const err_t *err)
{
    cleanup_buf buf_t line = BUF_INIT(2048);
    begin_line(&line, "error");
    json_add_text(&line, "code", err_code_name(err->code));
    json_add_int(&line, "status", problem_status(err->code));
    send_line(call, &line);
}

// ---- the result

static int answer_whole(api_call_t *call, const invocation_t *record, const invoke_answer_t *answer,
                        err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(RESULT_MAX);
    json_begin(&json, NULL, '{');
    result_put(&json, record, answer);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

static void answer_line(api_call_t *call, const invocation_t *record, const invoke_answer_t *answer)
{
    cleanup_buf buf_t line = BUF_INIT(RESULT_MAX);
    begin_line(&line, "result");
    result_put(&line, record, answer);
    send_line(call, &line);
    if (buf_failed(&line))
        response_cut(call->response);
}

static int execute(api_call_t *call, order_t *order, bool stream, err_t *err)
{
    const invoke_sink_t sink = {.phase = on_phase, .log = on_log, .ctx = call};
    cleanup_function function_t f = {0};
    if (order_function(call, order, &f, err) < 0)
        return -1;
    if (stream && begin_stream(call) < 0)
        return 0;
    const order_run_t how = {
        .runtime = order->runtime < 0 ? f.runtime : (runtime_t)order->runtime,
        .id = call->request->id,
        .arrived_ns = call->request->arrived_ns,
        .sink = stream ? &sink : NULL,
    };
    cleanup_invocation invocation_t record = {0};
    invoke_answer_t answer = {0};
    if (order_run(call, order, &f, &how, &record, &answer, err) < 0)
        return -1;
    int result = 0;
    if (stream)
        answer_line(call, &record, &answer);
    else
        result = answer_whole(call, &record, &answer, err);
    invoke_answer_free(&answer);
    return result;
}

int api_execute(api_call_t *call, err_t *err)
{
    const char *accept = request_header(call->request, "accept");
    bool stream = accept && accept_names(accept, "application/x-ndjson");
    cleanup_order order_t order = {0};
    if (order_read(call, ORDER_EXECUTE, &order, err) < 0)
        return -1;
    int result = execute(call, &order, stream, err);
    if (result < 0 && call->response->started) {
        end_stream_with_error(call, err);
        return 0;
    }
    return result;
}
