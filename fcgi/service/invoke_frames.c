#include "service/invoke_frames.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/frame.h"
#include "core/json.h"

enum { HEAD_MAX = 40 * 1024 * 1024 }; // a body of control characters, escaped

void invoke_frame_init(buf_t *out, const function_t *f, runtime_t runtime)
{
    cleanup_buf buf_t json = BUF_INIT(FRAME_SEND_MAX);
    json_begin(&json, NULL, '{');
    json_add_textn(&json, "code", f->code, f->code_len);
    json_add_text(&json, "handler", f->handler[0] ? f->handler : NULL);
    json_add_text(&json, "event", f->event == EVENT_HTTP ? "http" : "input");
    json_begin(&json, "env", '{');
    json_end(&json, '}');
    json_add_text(&json, "runtime", runtime_name(runtime));
    json_begin(&json, "function", '{');
    json_add_text(&json, "id", f->id);
    json_add_text(&json, "name", f->name);
    json_add_int(&json, "version", f->version);
    json_add_int(&json, "memory_mb", f->memory_mb);
    json_end(&json, '}');
    json_end(&json, '}');
    frame_put(out, FRAME_INIT, buf_str(&json), json.len);
    out->failed |= json.failed;
}

void invoke_frame_call(buf_t *out, const invoke_call_t *call, int64_t deadline_ns)
{
    static const char *const sources[] = {"none", "value", "json", "text", "bytes"};
    int64_t left_ms = (deadline_ns - clock_mono_ns()) / 1000000;
    cleanup_buf buf_t head = BUF_INIT(HEAD_MAX);
    json_begin(&head, NULL, '{');
    json_add_text(&head, "request_id", call->id);
    json_add_int(&head, "deadline_ms", clock_wall_us() / 1000 + left_ms);
    json_add_int(&head, "timeout_ms", left_ms);
    json_add_text(&head, "source", sources[call->source]);
    if (call->source == EVENT_VALUE)
        json_add_raw(&head, "event", call->event, strlen(call->event));
    const char *args = call->args ? call->args : "[]";
    json_add_raw(&head, "args", args, strlen(args));
    if (call->request)
        json_add_raw(&head, "request", call->request, strlen(call->request));
    json_end(&head, '}');
    frame_put_invoke(out, buf_str(&head), head.len, call->body, call->body_len);
    out->failed |= head.failed;
}
