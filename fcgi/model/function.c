#include "model/function.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/function_row.h"

const char *const LANGUAGE_WORDS[] = {
#define X(constant, name, ...) name,
    LANGUAGES(X)
#undef X
        NULL,
};
const char *const RUNTIME_WORDS[] = {"docker", "gvisor", NULL};
const char *const ISOLATION_WORDS[] = {"request", "function", NULL};
const char *const VISIBILITY_WORDS[] = {"public", "private", NULL};
const char *const EVENT_WORDS[] = {"input", "http", NULL};
const char *const RECORD_WORDS[] = {"execute", "all", "none", NULL};
const char *const FUNCTION_STATUS_WORDS[] = {"active", "disabled", NULL};

static const struct {
    const char *name;
    method_t method;
} METHOD_ROWS[] = {
#define X(name, bit, text) {text, name},
    METHODS(X)
#undef X
};

enum { METHOD_COUNT = sizeof METHOD_ROWS / sizeof METHOD_ROWS[0] };

const char *method_name(method_t method)
{
    for (int i = 0; i < METHOD_COUNT; i++)
        if (METHOD_ROWS[i].method == method)
            return METHOD_ROWS[i].name;
    return "";
}

int method_parse(const char *text)
{
    for (int i = 0; i < METHOD_COUNT; i++)
        if (str_eq(METHOD_ROWS[i].name, text))
            return (int)METHOD_ROWS[i].method;
    return -1;
}

void function_free(function_t *f)
{
    free(f->description);
    free(f->input_example);
    free(f->code);
    free(f->note);
    *f = (function_t){0};
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

int function_copy(const function_t *f, function_t *out, err_t *err)
{
    bool failed = false;
    *out = *f;
    out->description = copy_text(f->description, &failed);
    out->input_example = copy_text(f->input_example, &failed);
    out->code = copy_text(f->code, &failed);
    out->note = copy_text(f->note, &failed);
    if (!failed)
        return 0;
    function_free(out);
    return err_set(err, ERR_INTERNAL, "out of memory");
}

void function_page_free(function_page_t *page)
{
    for (size_t i = 0; i < page->count; i++)
        function_free(&page->items[i]);
    free(page->items);
    *page = (function_page_t){0};
}

// ---- rows

void function_select(query_t *q, function_columns_t columns)
{
    const char *table = columns == FUNCTION_AS_OF ? ", v." : ", f.";
    query_add(q, "SELECT f.id, f.owner_id, u.username, f.revision, f.created_at, f.updated_at");
    query_add(q, table);
    query_add(q, "version");
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        const function_field_t *field = &FUNCTION_FIELDS[i];
        if (columns == FUNCTION_BRIEF && field->unlisted) {
            query_add(q, ", NULL");
            continue;
        }
        query_add(q, field->live ? ", f." : table);
        query_add(q, function_field_column(field));
    }
}

static void read_field(row_t *row, const function_field_t *field, function_t *out)
{
    void *member = function_field_at(out, field);
    switch (field->kind) {
    case FIELD_CHARS:
        row_text(row, member, field->size);
        break;
    case FIELD_TEXT:
    case FIELD_RAW:
        *(char **)member = row_copy(row, NULL);
        break;
    case FIELD_INT:
    case FIELD_THOUSANDTHS:
        *(int64_t *)member = row_int(row);
        break;
    case FIELD_METHODS:
        *(uint32_t *)member = (uint32_t)row_int(row);
        break;
    case FIELD_WORD:
    case FIELD_RECORD:
        *(int *)member = row_word(row, field->words);
        break;
    }
}

int function_read_row(row_t *row, function_t *out, err_t *err)
{
    *out = (function_t){0};
    row_id(row, out->id);
    row_id(row, out->owner_id);
    row_text(row, out->owner, sizeof out->owner);
    out->revision = row_int(row);
    out->created_us = row_int(row);
    out->updated_us = row_int(row);
    out->version = row_int(row);
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++)
        read_field(row, &FUNCTION_FIELDS[i], out);
    out->code_len = out->code ? strlen(out->code) : 0;
    if (!row->bad)
        return 0;
    err_set(err, ERR_INTERNAL, "function %s: unreadable row", out->id);
    function_free(out);
    return -1;
}
