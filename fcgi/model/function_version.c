#include "model/function_version.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "model/function_row.h"

void function_version_free(function_version_t *v)
{
    function_free(&v->function);
    *v = (function_version_t){0};
}

void function_version_page_free(function_version_page_t *page)
{
    for (size_t i = 0; i < page->count; i++)
        function_version_free(&page->items[i]);
    free(page->items);
    *page = (function_version_page_t){0};
}

// What only a version has, after the columns of its function.
#define ABOUT "v.author, v.created_at, v.changed, v.lines_added, v.lines_removed, v.code_bytes"

static void read_about(row_t *row, function_version_t *out)
{
    row_text(row, out->author, sizeof out->author);
    out->created_us = row_int(row);
    row_text(row, out->changes.fields, sizeof out->changes.fields);
    out->changes.lines_added = row_known(row);
    out->changes.lines_removed = row_known(row);
    out->code_bytes = row_int(row);
}

static int unreadable(function_version_t *v, err_t *err)
{
    err_set(err, ERR_INTERNAL, "version %lld: unreadable row", (long long)v->function.version);
    function_version_free(v);
    return -1;
}

int function_get_version(db_t *db, const access_t *access, scope_t scope, const char *id,
                         int64_t version, function_version_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    function_select(&q, FUNCTION_AS_OF);
    query_add(&q, ", " ABOUT FUNCTION_FROM " JOIN function_versions v ON v.function_id = f.id");
    query_add1(&q, " WHERE v.version = ? AND f.id = ", db_int(version));
    access_id(&q, access, scope, "functions", id);
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such version");
    row_t row = {.rows = rows};
    *out = (function_version_t){0};
    if (function_read_row(&row, &out->function, err) < 0)
        return -1;
    read_about(&row, out);
    return row.bad ? unreadable(out, err) : 0;
}

static int read_item(const db_rows_t *rows, function_version_t *out, err_t *err)
{
    row_t row = {.rows = rows};
    *out = (function_version_t){0};
    out->function.version = row_int(&row);
    out->function.note = row_copy(&row, NULL);
    read_about(&row, out);
    return row.bad ? unreadable(out, err) : 0;
}

static int read_page(db_rows_t *rows, const char *id, size_t limit, function_version_page_t *out,
                     err_t *err)
{
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < limit) {
        if (read_item(rows, &out->items[out->count], err) < 0)
            return -1;
        out->count++;
    }
    if (more < 0)
        return -1;
    // A function has a version as long as it is there.
    if (!out->count)
        return err_set(err, ERR_NOT_FOUND, "no such function");
    if (more) {
        char value[CURSOR_VALUE];
        snprintf(value, sizeof value, "%lld",
                 (long long)out->items[out->count - 1].function.version);
        cursor_write(out->next, value, id);
    }
    return 0;
}

static int add_cursor(query_t *q, const char *cursor, const char *id, err_t *err)
{
    char value[CURSOR_VALUE], of[ID_TEXT];
    int64_t version;
    if (cursor_read(cursor, value, of, err) < 0)
        return -1;
    if (!str_eq(of, id) || str_int(value, 1, INT64_MAX, &version, NULL) < 0)
        return err_set(err, ERR_INVALID, "cursor must be the `next` of a page before");
    query_add1(q, " AND v.version < ?", db_int(version));
    return 0;
}

int function_versions(db_t *db, const access_t *access, const char *id, int limit,
                      const char *cursor, function_version_page_t *out, err_t *err)
{
    *out = (function_version_page_t){0};
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT v.version, v.note, " ABOUT
                  " FROM function_versions v WHERE v.function_id = ");
    access_id(&q, access, SCOPE_FUNCTIONS_READ, "functions", id);
    if (cursor && add_cursor(&q, cursor, id, err) < 0)
        return -1;
    query_add1(&q, " ORDER BY v.version DESC LIMIT ?", db_int(limit + 1));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    out->items = calloc((size_t)limit, sizeof *out->items);
    if (!out->items)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (read_page(rows, id, (size_t)limit, out, err) == 0)
        return 0;
    function_version_page_free(out);
    return -1;
}
