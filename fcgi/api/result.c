#include "api/result.h"

#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"
#include "http/header.h"

static void put_base64(buf_t *out, const buf_t *body)
{
    size_t size = sodium_base64_encoded_len(body->len, sodium_base64_VARIANT_ORIGINAL);
    cleanup_free char *text = malloc(size);
    if (!text) {
        out->failed = true;
        return;
    }
    sodium_bin2base64(text, size, (const unsigned char *)body->data, body->len,
                      sodium_base64_VARIANT_ORIGINAL);
    json_begin(out, "output", '{');
    json_add_textn(out, "base64", text, size - 1);
    json_end(out, '}');
}

static void content_type(const cJSON *headers, char *out, size_t size)
{
    out[0] = '\0';
    const cJSON *pair;
    cJSON_ArrayForEach (pair, headers) {
        const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
        const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));
        if (name && value && str_ieq(name, "content-type"))
            str_copy(out, size, value);
    }
}

// The result as JSON: itself where it is JSON, a text where it is one, else {base64}.
static void put_output(buf_t *out, const invoke_answer_t *answer)
{
    char type[256];
    const buf_t *body = &answer->body;
    content_type(answer->headers, type, sizeof type);
    if (!body->len)
        json_add_null(out, "output");
    else if (media_type_is_json(type) && json_passable(body->data, body->len))
        json_add_raw(out, "output", body->data, body->len);
    else if ((!type[0] || media_type_is_text(type)) && str_utf8(body->data, body->len))
        json_add_textn(out, "output", body->data, body->len);
    else
        put_base64(out, body);
}

static void put_logs(buf_t *out, const invocation_t *record)
{
    if (record->logs)
        json_add_raw(out, "logs", record->logs, record->logs_len);
    else
        json_add_raw(out, "logs", "[]", 2);
    json_add_bool(out, "logs_truncated", record->logs_truncated);
}

static void put_error(buf_t *out, const invocation_t *record)
{
    if (!record->error_type) {
        json_add_null(out, "error");
        return;
    }
    json_begin(out, "error", '{');
    json_add_text(out, "type", record->error_type);
    json_add_text(out, "message", record->error_message);
    json_add_text(out, "stack", record->error_stack);
    json_end(out, '}');
}

void result_figures(const invocation_t *record, int64_t figures[FIGURE_COUNT])
{
    figures[FIGURE_QUEUE] = record->queue_us;
    figures[FIGURE_INIT] = record->init_us;
    figures[FIGURE_RUN] = record->run_us;
    figures[FIGURE_TOTAL] = record->total_us;
    figures[FIGURE_CPU] = record->cpu_us;
    figures[FIGURE_MEMORY_PEAK] = record->memory_peak_bytes;
}

void result_put_figures(buf_t *out, const char *key, const int64_t figures[FIGURE_COUNT])
{
    int64_t peak = figures[FIGURE_MEMORY_PEAK];
    json_begin(out, key, '{');
    json_add_ms(out, "queue_ms", figures[FIGURE_QUEUE]);
    json_add_ms(out, "init_ms", figures[FIGURE_INIT]);
    json_add_ms(out, "run_ms", figures[FIGURE_RUN]);
    json_add_ms(out, "total_ms", figures[FIGURE_TOTAL]);
    json_add_ms(out, "cpu_ms", figures[FIGURE_CPU]);
    if (peak < 0)
        json_add_null(out, "memory_peak_bytes");
    else
        json_add_int(out, "memory_peak_bytes", peak);
    json_end(out, '}');
}

// What stands beside output and log.
static void put_call(buf_t *out, const invocation_t *record, const invoke_answer_t *answer)
{
    int64_t figures[FIGURE_COUNT];
    result_figures(record, figures);
    json_add_text(out, "invocation_id", record->id);
    json_add_text(out, "status", invocation_status_name(record->status));
    if (answer->http_status)
        json_add_int(out, "http_status", answer->http_status);
    else
        json_add_null(out, "http_status");
    json_add_text(out, "runtime", runtime_name(record->runtime));
    json_add_int(out, "version", record->version);
    json_add_text(out, "start", record->start < 0 ? NULL : start_name((start_t)record->start));
    put_error(out, record);
    result_put_figures(out, "metrics", figures);
}

void result_put(buf_t *out, const invocation_t *record, const invoke_answer_t *answer)
{
    put_call(out, record, answer);
    put_output(out, answer);
    put_logs(out, record);
}

void result_put_brief(buf_t *out, const invocation_t *record, const invoke_answer_t *answer)
{
    put_call(out, record, answer);
    json_add_null(out, "output");
    json_add_raw(out, "logs", "[]", 2);
    json_add_bool(out, "logs_truncated", true);
    json_add_bool(out, "output_omitted", true);
}
