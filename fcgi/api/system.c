// About the service itself: settings, examples, the OpenAPI file.
#include "api/handlers.h"
#include "base/cleanup.h"

enum { ANSWER_MAX = 64 * 1024 };

// ---- settings

static void put_text_or_null(buf_t *out, const char *key, const char *text)
{
    json_add_text(out, key, text[0] ? text : NULL);
}

static void put_setting(buf_t *out, const config_setting_t *setting)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "name", setting->name);
    if (setting->is_number) {
        json_add_int(out, "value", setting->number);
        json_add_int(out, "default", setting->number_default);
        json_add_int(out, "min", setting->min);
        json_add_int(out, "max", setting->max);
    } else {
        json_add_text(out, "value", setting->text);
        json_add_text(out, "default", setting->text_default);
        json_add_null(out, "min");
        json_add_null(out, "max");
    }
    put_text_or_null(out, "unit", setting->unit);
    put_text_or_null(out, "words", setting->words);
    json_add_text(out, "help", setting->help);
    json_add_text(out, "source", setting->source);
    json_end(out, '}');
}

int api_settings(api_call_t *call, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (int i = 0; i < CONFIG_COUNT; i++) {
        config_setting_t setting;
        config_describe(call->api->config, i, &setting);
        put_setting(&json, &setting);
    }
    json_end(&json, ']');
    json_add_null(&json, "next");
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

// ---- documents

static int answer_document(api_call_t *call, const char *text, err_t *err)
{
    if (!text)
        return err_set(err, ERR_NOT_FOUND, "not on this installation");
    call->response->status = 200;
    response_header(call->response, "Content-Type", "application/json");
    buf_adds(&call->response->body, text);
    return 0;
}

int api_examples(api_call_t *call, err_t *err)
{
    return answer_document(call, call->api->examples, err);
}

int api_openapi(api_call_t *call, err_t *err)
{
    return answer_document(call, call->api->openapi, err);
}
