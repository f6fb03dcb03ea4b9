// Invocation records: lists and one with its log.
#include <string.h>

#include "api/handlers.h"
#include "base/cleanup.h"
#include "core/ids.h"
#include "service/records.h"

enum {
    ONE_MAX = 16 * 1024 * 1024,  // a log of 256 KiB in the smallest pieces, and the input
    LIST_MAX = 16 * 1024 * 1024, // a page of the longest error messages, escaped
};

// Times count in whole milliseconds here: what is not one is rounded up, so that `from` is never early
// and `to` never leaves out what came before it.
static void read_times(api_call_t *call, invocation_filter_t *filter)
{
    int64_t from_us = -1, to_us = -1;
    api_query_time(call, "from", &from_us);
    api_query_time(call, "to", &to_us);
    if (from_us >= 0)
        filter->from_ms = (from_us + 999) / 1000;
    if (to_us >= 0)
        filter->to_ms = (to_us + 999) / 1000;
    if (from_us >= 0 && to_us >= 0 && to_us < from_us)
        field_errors_add(&call->errors, "to", "must not be before from");
}

static void read_texts(api_call_t *call, invocation_filter_t *filter)
{
    char value[CURSOR_VALUE], id[ID_TEXT];
    err_t why;
    filter->q = request_query(call->request, "q");
    filter->cursor = request_query(call->request, "cursor");
    if (filter->q && strlen(filter->q) > INVOCATION_SEARCH_MAX)
        field_errors_add(&call->errors, "q", "must have at most %d bytes", INVOCATION_SEARCH_MAX);
    if (filter->cursor && cursor_read(filter->cursor, value, id, &why) < 0)
        field_errors_add(&call->errors, "cursor", "must be the `next` of a page before");
}

static int read_filter(api_call_t *call, const char *const *names, invocation_filter_t *filter,
                       err_t *err)
{
    int64_t limit = filter->limit;
    read_times(call, filter);
    read_texts(call, filter);
    api_query_words(call, "status", INVOCATION_STATUS_WORDS, &filter->statuses);
    api_query_word(call, "runtime", RUNTIME_WORDS, &filter->runtime);
    api_query_word(call, "start", START_WORDS, &filter->start);
    api_query_int(call, "version", 1, UINT32_MAX, &filter->version);
    api_query_int(call, "min_ms", 0, 24 * 3600 * 1000, &filter->min_ms);
    api_query_int(call, "limit", 1, INVOCATION_LIST_MAX, &limit);
    filter->limit = (int)limit;
    return api_query_done(call, names, err);
}

static int answer_list(api_call_t *call, const invocation_filter_t *filter, err_t *err)
{
    cleanup_invocation_page invocation_page_t page = {0};
    if (records_list(call->api->pool, &call->access, filter, &page, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(LIST_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (size_t i = 0; i < page.count; i++)
        records_json(&page.items[i], false, &json);
    json_end(&json, ']');
    json_add_text(&json, "next", page.next[0] ? page.next : NULL);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

#define FILTERS \
    "status", "runtime", "start", "version", "from", "to", "min_ms", "q", "limit", "cursor", NULL

int api_function_invocations(api_call_t *call, err_t *err)
{
    static const char *const names[] = {FILTERS};
    invocation_filter_t filter = INVOCATION_FILTER;
    filter.function_id = call->params[0];
    if (read_filter(call, names, &filter, err) < 0)
        return -1;
    return answer_list(call, &filter, err);
}

int api_invocations_list(api_call_t *call, err_t *err)
{
    static const char *const names[] = {"function_id", FILTERS};
    invocation_filter_t filter = INVOCATION_FILTER;
    filter.function_id = api_query_id(call, "function_id");
    if (read_filter(call, names, &filter, err) < 0)
        return -1;
    return answer_list(call, &filter, err);
}

int api_invocation_get(api_call_t *call, err_t *err)
{
    cleanup_invocation invocation_t record = {0};
    if (records_get(call->api->pool, &call->access, call->params[0], &record, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ONE_MAX);
    records_json(&record, true, &json);
    return api_answer(call, 200, &json, err);
}
