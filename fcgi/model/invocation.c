#include "model/invocation.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "model/invocation_row.h"
#include "model/row.h"

const char *const INVOCATION_STATUS_WORDS[] = {
#define X(name, text) text,
    INVOCATION_STATUSES(X)
#undef X
        NULL};
const char *const SOURCE_WORDS[] = {"execute", "http", "replay", NULL};
const char *const INPUT_WORDS[] = {"none", "json", "text", "bytes", "value", NULL};
const char *const START_WORDS[] = {"cold", "prewarmed", "warm", NULL};

const char *invocation_status_name(invocation_status_t status)
{
    return INVOCATION_STATUS_WORDS[status];
}

int invocation_status_parse(const char *text)
{
    return word_index(INVOCATION_STATUS_WORDS, text);
}

const char *invocation_source_name(invocation_source_t source)
{
    return SOURCE_WORDS[source];
}

void invocation_free(invocation_t *inv)
{
    free(inv->path);
    free(inv->error_type);
    free(inv->error_message);
    free(inv->error_stack);
    free(inv->input);
    free(inv->args);
    free(inv->request);
    free(inv->logs);
    *inv = (invocation_t){0};
}

void invocation_page_free(invocation_page_t *page)
{
    for (size_t i = 0; i < page->count; i++)
        invocation_free(&page->items[i]);
    free(page->items);
    *page = (invocation_page_t){0};
}

// ---- reading

#define FULL \
    INVOCATION_BRIEF ", i.error_stack, i.input, i.args, i.request, i.output_hash, l.entries"

void invocation_take_brief(row_t *row, invocation_t *inv)
{
    row_id(row, inv->id);
    row_id(row, inv->function_id);
    row_text(row, inv->function_name, sizeof inv->function_name);
    row_id(row, inv->owner_id);
    inv->version = row_int(row);
    inv->runtime = (runtime_t)row_word(row, RUNTIME_WORDS);
    inv->start = row_word_or_null(row, START_WORDS);
    inv->source = (invocation_source_t)row_word(row, SOURCE_WORDS);
    inv->status = (invocation_status_t)row_word(row, INVOCATION_STATUS_WORDS);
    inv->http_status = (int)row_int(row);
    row_text(row, inv->method, sizeof inv->method);
    inv->path = row_copy(row, NULL);
    inv->error_type = row_copy(row, NULL);
    inv->error_message = row_copy(row, NULL);
    inv->queue_us = row_known(row);
    inv->init_us = row_known(row);
    inv->run_us = row_known(row);
    inv->total_us = row_known(row);
    inv->cpu_us = row_known(row);
    inv->memory_peak_bytes = row_known(row);
    inv->memory_mb = row_int(row);
    inv->request_bytes = row_known(row);
    inv->response_bytes = row_known(row);
    inv->input_kind = (input_kind_t)row_word(row, INPUT_WORDS);
    inv->logs_truncated = row_int(row) != 0;
    row_id(row, inv->replay_of);
}

static void take_rest(row_t *row, invocation_t *inv)
{
    size_t len;
    inv->error_stack = row_copy(row, NULL);
    inv->input = row_copy(row, &inv->input_len);
    inv->args = row_copy(row, NULL);
    inv->request = row_copy(row, NULL);
    const char *hash = db_get_text(row->rows, row->column++, &len);
    inv->has_output_hash = len == sizeof inv->output_hash;
    if (inv->has_output_hash)
        memcpy(inv->output_hash, hash, len);
    inv->logs = row_copy(row, &inv->logs_len);
}

int invocation_taken(const row_t *row, invocation_t *inv, err_t *err)
{
    if (!row->bad)
        return 0;
    err_set(err, ERR_INTERNAL, "invocation %s: unreadable row", inv->id);
    invocation_free(inv);
    return -1;
}

int invocation_get(db_t *db, const access_t *access, const char *id, invocation_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT " FULL " FROM invocations i"
                  " LEFT JOIN invocation_logs l ON l.invocation_id = i.id WHERE i.id = ");
    access_id(&q, access, SCOPE_METRICS_READ, "invocations", id);
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such invocation");
    row_t row = {.rows = rows};
    *out = (invocation_t){0};
    invocation_take_brief(&row, out);
    take_rest(&row, out);
    return invocation_taken(&row, out, err);
}
