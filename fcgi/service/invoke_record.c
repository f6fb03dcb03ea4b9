#include "service/invoke_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static bool wants_input(const invoke_call_t *call)
{
    record_input_t when = call->function->record_input;
    return when == RECORD_ALL || (when == RECORD_EXECUTE && call->origin != SOURCE_HTTP);
}

// Keeps what a replay needs, all of it or nothing.
static void set_input(invocation_t *r, const invoke_call_t *call)
{
    static const input_kind_t kinds[] = {INPUT_NONE, INPUT_VALUE, INPUT_JSON, INPUT_TEXT,
                                         INPUT_BYTES};
    const char *input = call->source == EVENT_NONE    ? ""
                        : call->source == EVENT_VALUE ? call->event
                                                      : call->body;
    size_t len = call->source == EVENT_NONE    ? 0
                 : call->source == EVENT_VALUE ? strlen(call->event)
                                               : call->body_len;
    if (!wants_input(call) || len > INVOCATION_INPUT_MAX ||
        (call->request && strlen(call->request) > INVOCATION_INPUT_MAX))
        return;
    r->input = malloc(len + 1);
    if (!r->input)
        return;
    memcpy(r->input, input, len);
    r->input[len] = '\0';
    r->input_len = len;
    r->input_kind = kinds[call->source];
    r->args = call->args ? strdup(call->args) : NULL;
    r->request = call->request ? strdup(call->request) : NULL;
}

void invoke_record_begin(invocation_t *r, const invoke_call_t *call)
{
    const function_t *f = call->function;
    *r = (invocation_t){.version = f->version,
                        .runtime = call->runtime,
                        .start = -1,
                        .source = call->origin,
                        .queue_us = -1,
                        .init_us = -1,
                        .run_us = -1,
                        .cpu_us = -1,
                        .memory_peak_bytes = -1,
                        .memory_mb = f->memory_mb,
                        .request_bytes = (int64_t)call->body_len};
    str_copy(r->id, sizeof r->id, call->id);
    str_copy(r->function_id, sizeof r->function_id, f->id);
    str_copy(r->function_name, sizeof r->function_name, f->name);
    str_copy(r->owner_id, sizeof r->owner_id, f->owner_id);
    if (call->replay_of)
        str_copy(r->replay_of, sizeof r->replay_of, call->replay_of);
    set_input(r, call);
}
