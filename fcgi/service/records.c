#include "service/records.h"

#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/crypto.h"
#include "core/json.h"
#include "model/function.h"

int records_list(db_pool_t *pool, const access_t *access, const invocation_filter_t *filter,
                 invocation_page_t *out, err_t *err)
{
    cleanup_db db_t *db = db_get(pool, err);
    if (!db || (filter->function_id &&
                function_known(db, access, SCOPE_METRICS_READ, filter->function_id, err) < 0))
        return -1;
    return invocation_list(db, access, filter, out, err);
}

int records_get(db_pool_t *pool, const access_t *access, const char *id, invocation_t *out,
                err_t *err)
{
    cleanup_db db_t *db = db_get(pool, err);
    return db ? invocation_get(db, access, id, out, err) : -1;
}

// A figure that may be unknown.
static void add_known(buf_t *out, const char *key, int64_t value)
{
    if (value < 0)
        json_add_null(out, key);
    else
        json_add_int(out, key, value);
}

static void add_base64(buf_t *out, const char *key, const char *data, size_t len)
{
    enum { VARIANT = sodium_base64_VARIANT_ORIGINAL };
    size_t size = sodium_base64_encoded_len(len, VARIANT);
    cleanup_free char *text = malloc(size);
    json_begin(out, key, '{');
    if (text)
        json_add_text(out, "base64",
                      sodium_bin2base64(text, size, (const unsigned char *)data, len, VARIANT));
    else
        out->failed = true;
    json_end(out, '}');
}

static bool is_json(const invocation_t *inv)
{
    return (inv->input_kind == INPUT_JSON || inv->input_kind == INPUT_VALUE) &&
           json_check(inv->input, inv->input_len, NULL) == 0;
}

// As the answer of `execute` has its output: JSON as it is, text as a string, else {base64}.
static void add_input(buf_t *out, const invocation_t *inv)
{
    json_add_bool(out, "input_recorded", inv->input != NULL);
    if (!inv->input)
        json_add_null(out, "input");
    else if (inv->input_kind == INPUT_NONE)
        json_add_null(out, "input");
    else if (is_json(inv))
        json_add_raw(out, "input", inv->input, inv->input_len);
    else if (inv->input_kind == INPUT_BYTES)
        add_base64(out, "input", inv->input, inv->input_len);
    else
        json_add_textn(out, "input", inv->input, inv->input_len);
    if (inv->args)
        json_add_raw(out, "args", inv->args, strlen(inv->args));
    else
        json_add_null(out, "args");
    if (inv->request)
        json_add_raw(out, "request", inv->request, strlen(inv->request));
    else
        json_add_null(out, "request");
}

static void add_output_hash(buf_t *out, const invocation_t *inv)
{
    char hex[2 * INVOCATION_HASH + 1];
    crypto_hex(inv->output_hash, hex);
    json_add_text(out, "output_hash", inv->has_output_hash ? hex : NULL);
}

static void add_error(buf_t *out, const invocation_t *inv, bool full)
{
    if (!inv->error_type) {
        json_add_null(out, "error");
        return;
    }
    json_begin(out, "error", '{');
    json_add_text(out, "type", inv->error_type);
    json_add_text(out, "message", inv->error_message);
    if (full)
        json_add_text(out, "stack", inv->error_stack);
    json_end(out, '}');
}

static void add_metrics(buf_t *out, const invocation_t *inv)
{
    json_begin(out, "metrics", '{');
    json_add_ms(out, "queue_ms", inv->queue_us);
    json_add_ms(out, "init_ms", inv->init_us);
    json_add_ms(out, "run_ms", inv->run_us);
    json_add_ms(out, "total_ms", inv->total_us);
    json_add_ms(out, "cpu_ms", inv->cpu_us);
    add_known(out, "memory_peak_bytes", inv->memory_peak_bytes);
    json_end(out, '}');
}

void records_json(const invocation_t *inv, bool full, buf_t *out)
{
    uint8_t id[ID_BYTES] = {0};
    id_to_bytes(inv->id, id);
    json_begin(out, NULL, '{');
    json_add_text(out, "id", inv->id);
    json_add_time(out, "created_at", id_time_ms(id) * 1000);
    json_add_text(out, "function_id", inv->function_id);
    json_add_text(out, "function_name", inv->function_name);
    json_add_int(out, "version", inv->version);
    json_add_text(out, "runtime", runtime_name(inv->runtime));
    json_add_text(out, "start", inv->start < 0 ? NULL : start_name((start_t)inv->start));
    json_add_text(out, "source", invocation_source_name(inv->source));
    json_add_text(out, "replay_of", inv->replay_of[0] ? inv->replay_of : NULL);
    json_add_text(out, "status", invocation_status_name(inv->status));
    json_add_int(out, "http_status", inv->http_status);
    json_add_text(out, "method", inv->method[0] ? inv->method : NULL);
    json_add_text(out, "path", inv->path);
    add_error(out, inv, full);
    add_metrics(out, inv);
    json_add_int(out, "memory_mb", inv->memory_mb);
    add_known(out, "request_bytes", inv->request_bytes);
    add_known(out, "response_bytes", inv->response_bytes);
    if (full) {
        add_input(out, inv);
        add_output_hash(out, inv);
        json_add_raw(out, "logs", inv->logs ? inv->logs : "[]", inv->logs ? inv->logs_len : 2);
    }
    json_add_bool(out, "logs_truncated", inv->logs_truncated);
    json_end(out, '}');
}
