#include "api/order.h"

#include <string.h>

#include "core/frame.h"
#include "core/limits.h"

enum {
    ARGS_MAX = 100,
    TRIES = 10, // with rows that turn out stale, see fn.c
    RUNS_DEFAULT = 3,
};

typedef struct {
    json_raw_t input;
    const cJSON *args;
    int runtime;
    int64_t version;
    int64_t runs;
} fields_t;

#define INPUT_FIELD                                                            \
    {                                                                          \
        .name = "input", .kind = JSON_RAW, .offset = offsetof(fields_t, input) \
    }
#define ARGS_FIELD                                                                             \
    {                                                                                          \
        .name = "args", .kind = JSON_LIST, .offset = offsetof(fields_t, args), .max = ARGS_MAX \
    }
#define VERSION_FIELD                                                                         \
    {                                                                                         \
        .name = "version", .kind = JSON_INT, .offset = offsetof(fields_t, version), .min = 1, \
        .max = 1e15                                                                           \
    }

#define RUNTIME_FIELD                                                                \
    {                                                                                \
        .name = "runtime", .kind = JSON_WORD, .offset = offsetof(fields_t, runtime), \
        .words = RUNTIME_WORDS, .nullable = true                                     \
    }

static const json_field_t execute_fields[] = {
    INPUT_FIELD,
    ARGS_FIELD,
    VERSION_FIELD,
    RUNTIME_FIELD,
};

static const json_field_t compare_fields[] = {
    INPUT_FIELD,
    ARGS_FIELD,
    VERSION_FIELD,
    {.name = "runs",
     .kind = JSON_INT,
     .offset = offsetof(fields_t, runs),
     .min = 1,
     .max = ORDER_RUNS_MAX},
};

static const json_field_t replay_fields[] = {
    VERSION_FIELD,
    RUNTIME_FIELD,
};

static const struct {
    const json_field_t *fields;
    size_t count;
} tables[] = {
    [ORDER_EXECUTE] = {execute_fields, sizeof execute_fields / sizeof execute_fields[0]},
    [ORDER_COMPARE] = {compare_fields, sizeof compare_fields / sizeof compare_fields[0]},
    [ORDER_REPLAY] = {replay_fields, sizeof replay_fields / sizeof replay_fields[0]},
};

static int read_args(const cJSON *args, order_t *order, field_errors_t *errors, err_t *err)
{
    json_begin(&order->args, NULL, '[');
    const cJSON *arg;
    cJSON_ArrayForEach (arg, args) {
        if (!cJSON_IsString(arg)) {
            field_errors_add(errors, "args", "must be a list of texts");
            return err_set(err, ERR_INVALID, "args: must be a list of texts");
        }
        json_add_text(&order->args, NULL, arg->valuestring);
    }
    json_end(&order->args, ']');
    return 0;
}

int order_read(api_call_t *call, order_kind_t kind, order_t *order, err_t *err)
{
    const buf_t *body = &call->request->body;
    fields_t in = {.runtime = -1, .runs = RUNS_DEFAULT};
    *order = (order_t){
        .runtime = in.runtime,
        .runs = in.runs,
        .input = BUF_INIT(FRAME_REQUEST_MAX),
        .args = BUF_INIT(JSON_SMALL * 6),
    };
    if (!body->len)
        return 0;
    cleanup_json_input json_input_t parsed = {0};
    if (json_read(&parsed, body->data, body->len, tables[kind].fields, tables[kind].count, &in,
                  err) < 0) {
        call->errors = parsed.errors;
        return -1;
    }
    order->runtime = in.runtime;
    order->version = in.version;
    order->runs = in.runs;
    if (in.args && read_args(in.args, order, &call->errors, err) < 0)
        return -1;
    bool null = in.input.len == 4 && memcmp(in.input.text, "null", 4) == 0;
    if (in.input.text && !null)
        buf_add(&order->input, in.input.text, in.input.len);
    if (buf_failed(&order->input))
        return err_set(err, ERR_TOO_LARGE, "the input may have %d bytes at most",
                       FRAME_REQUEST_MAX);
    if (buf_failed(&order->args))
        return err_set(err, ERR_TOO_LARGE, "the args are too long");
    return 0;
}

void order_free(order_t *order)
{
    buf_free(&order->input);
    buf_free(&order->args);
}

int order_function(api_call_t *call, const order_t *order, function_t *f, err_t *err)
{
    const char *id = order->replayed ? order->replayed->function_id : call->params[0];
    if (!order->version)
        return functions_get(&call->api->functions, &call->access, SCOPE_INVOKE, id, f, err);
    cleanup_db db_t *db = db_get(call->api->pool, err);
    if (!db)
        return -1;
    function_version_t v = {0};
    if (function_get_version(db, &call->access, SCOPE_INVOKE, id, order->version, &v, err) < 0)
        return -1;
    *f = v.function;
    return 0;
}

// The settings of one run: a runtime that is not the function's own may need more memory to start at all.
static function_t settings(const function_t *f, const order_run_t *how)
{
    function_t now = *f;
    int64_t floor_mb = limit_memory_floor_mb(f->language, how->runtime);
    if (now.memory_mb < floor_mb)
        now.memory_mb = floor_mb;
    if (how->most_ms && now.timeout_ms > how->most_ms)
        now.timeout_ms = how->most_ms;
    return now;
}

static void put_recorded(invoke_call_t *what, const invocation_t *from)
{
    static const event_source_t sources[] = {
        [INPUT_NONE] = EVENT_NONE,   [INPUT_JSON] = EVENT_JSON,   [INPUT_TEXT] = EVENT_TEXT,
        [INPUT_BYTES] = EVENT_BYTES, [INPUT_VALUE] = EVENT_VALUE,
    };
    what->origin = SOURCE_REPLAY;
    what->replay_of = from->id;
    what->source = sources[from->input_kind];
    what->args = from->args;
    what->request = from->request;
    if (what->source == EVENT_VALUE) {
        what->event = from->input;
    } else {
        what->body = from->input;
        what->body_len = from->input_len;
    }
}

static int run_as_read(const api_call_t *call, const order_t *order, const function_t *f,
                       const order_run_t *how, invocation_t *record, invoke_answer_t *answer,
                       err_t *err)
{
    const function_t now = settings(f, how);
    invoke_call_t what = {
        .function = &now,
        .runtime = how->runtime,
        .any_revision = order->version != 0,
        .id = how->id,
        .origin = SOURCE_EXECUTE,
        .source = order->input.len ? EVENT_VALUE : EVENT_NONE,
        .event = order->input.data,
        .args = order->args.data,
        .client_fd = call->request->client_fd,
        .arrived_ns = how->arrived_ns,
        .sink = how->sink,
    };
    if (order->replayed)
        put_recorded(&what, order->replayed);
    return invoke_run(call->thread, &what, record, answer, err);
}

int order_run(api_call_t *call, order_t *order, function_t *f, const order_run_t *how,
              invocation_t *record, invoke_answer_t *answer, err_t *err)
{
    for (int tries = 0; run_as_read(call, order, f, how, record, answer, err) < 0; tries++) {
        if (err->code != ERR_STALE || tries == TRIES)
            return -1;
        if (order->stay_at)
            order->version = order->stay_at;
        function_free(f);
        if (order_function(call, order, f, err) < 0)
            return -1;
    }
    journal_record_sync(call->api->journal, record);
    return 0;
}
