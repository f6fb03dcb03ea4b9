#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "model/function_row.h"
#include "model/function_search.h"

// Reads the only row of a query, or fails with `missing`.
static int read_one(db_rows_t *rows, function_t *out, err_code_t missing, err_t *err)
{
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, missing, "no such function");
    row_t row = {.rows = rows};
    return function_read_row(&row, out, err);
}

int function_get(db_t *db, const access_t *access, scope_t scope, const char *id, function_t *out,
                 err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    function_select(&q, FUNCTION_FULL);
    query_add(&q, FUNCTION_FROM " WHERE f.id = ");
    access_id(&q, access, scope, "functions", id);
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    return read_one(rows, out, ERR_NOT_FOUND, err);
}

int function_known(db_t *db, const access_t *access, scope_t scope, const char *id, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT 1 FROM functions WHERE id = ");
    access_id(&q, access, scope, "functions", id);
    query_add1(&q, " UNION ALL SELECT 1 FROM metric_total WHERE scope_id = ?", db_id(id));
    query_add(&q, " AND scope_id <> owner_id"); // those of functions
    access_where(&q, access, scope, "owner_id");
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such function");
}

// ---- by path

// The number of places in the statement: one of a few, so that few statements are prepared.
static int places_for(int keys)
{
    static const int sizes[] = {4, 16, 64, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (keys <= sizes[i])
            return sizes[i];
    return ROUTE_KEYS;
}

int function_by_path(db_t *db, const route_path_t *path, function_t *out, err_t *err)
{
    route_keys_t keys;
    if (route_keys(path, &keys, err) < 0)
        return -1;
    cleanup_query query_t q = QUERY_INIT;
    function_select(&q, FUNCTION_FULL);
    query_add(&q, FUNCTION_FROM " WHERE f.id = (SELECT id FROM functions WHERE route_key IN (");
    db_value_t values[ROUTE_KEYS]; // more than a query has room for
    int places = places_for(keys.count);
    for (int i = 0; i < places; i++) {
        query_add(&q, i ? ", ?" : "?");
        values[i] = i < keys.count ? db_text(keys.text.data + keys.at[i]) : db_null();
    }
    query_add(&q, ") ORDER BY route_rank DESC LIMIT 1)");
    bool failed = buf_failed(&q.sql);
    cleanup_db_rows db_rows_t *rows =
        failed ? NULL : db_query(db, buf_str(&q.sql), values, (size_t)places, err);
    route_keys_free(&keys);
    if (failed)
        return err_set(err, ERR_INTERNAL, "out of memory");
    return read_one(rows, out, ERR_NO_ROUTE, err);
}

// ---- lists

typedef struct {
    const char *name;               // in the API
    const char *forward, *backward; // conditions for what comes after the cursor
    const char *order_forward, *order_backward;
    void (*value)(const function_t *f, char out[CURSOR_VALUE]); // NULL: the id alone decides
} sort_t;

static void name_value(const function_t *f, char out[CURSOR_VALUE])
{
    str_copy(out, CURSOR_VALUE, f->name);
}

static void updated_value(const function_t *f, char out[CURSOR_VALUE])
{
    snprintf(out, CURSOR_VALUE, "%lld", (long long)f->updated_us);
}

// (a, b) > (x, y) is spelled out, because the optimizer makes no range of the short form.
#define AFTER(column, than) \
    " AND f." column " " than "= ? AND (f." column " " than " ? OR f.id " than " ?)"

static const sort_t SORTS[] = {
    {"created_at", " AND f.id > ?", " AND f.id < ?", " ORDER BY f.id", " ORDER BY f.id DESC", NULL},
    {"name", AFTER("name", ">"), AFTER("name", "<"), " ORDER BY f.name, f.id",
     " ORDER BY f.name DESC, f.id DESC", name_value},
    {"updated_at", AFTER("updated_at", ">"), AFTER("updated_at", "<"),
     " ORDER BY f.updated_at, f.id", " ORDER BY f.updated_at DESC, f.id DESC", updated_value},
};

static const sort_t *find_sort(const char *name)
{
    for (size_t i = 0; i < sizeof SORTS / sizeof SORTS[0]; i++)
        if (str_eq(SORTS[i].name, name))
            return &SORTS[i];
    return NULL;
}

static int add_cursor(query_t *q, const sort_t *sort, bool backward, const char *cursor, err_t *err)
{
    char value[CURSOR_VALUE], id[ID_TEXT];
    if (cursor_read(cursor, value, id, err) < 0)
        return -1;
    query_add(q, backward ? sort->backward : sort->forward);
    if (sort->value) {
        const char *kept = query_keep(q, value);
        query_value(q, db_text(kept));
        query_value(q, db_text(kept));
    }
    query_value(q, db_id(id));
    return 0;
}

// Where the rows of a list come from. A search of some blocks reads those; one of everything goes through
// its narrow table in the order of the ids, in another order through the functions.
static void add_source(query_t *q, const sort_t *sort, const function_search_t *search)
{
    if (!search) {
        query_add(q, FUNCTION_FROM);
    } else if (sort->value && !search->narrow) {
        query_add(q, FUNCTION_FROM " STRAIGHT_JOIN function_search s ON s.function_id = f.id");
    } else {
        query_add(q, " FROM function_search s");
        query_add(q, search->narrow ? " FORCE INDEX (by_block)" : "");
        query_add(q, " STRAIGHT_JOIN functions f ON f.id = s.function_id"
                     " STRAIGHT_JOIN users u ON u.id = f.owner_id");
    }
    query_add(q, " WHERE 1 = 1");
    if (search)
        function_search_where(q, search);
}

static void add_filter(query_t *q, const function_filter_t *filter)
{
    if (filter->language >= 0)
        query_add1(q, " AND f.language = ?", db_text(LANGUAGE_WORDS[filter->language]));
    if (filter->runtime >= 0)
        query_add1(q, " AND f.runtime = ?", db_text(RUNTIME_WORDS[filter->runtime]));
    if (filter->status >= 0)
        query_add1(q, " AND f.status = ?", db_text(FUNCTION_STATUS_WORDS[filter->status]));
}

static int read_page(db_rows_t *rows, const sort_t *sort, int limit, function_page_t *out,
                     err_t *err)
{
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < (size_t)limit) {
        row_t row = {.rows = rows};
        if (function_read_row(&row, &out->items[out->count], err) < 0)
            return -1;
        out->count++;
    }
    if (more > 0) {
        const function_t *last = &out->items[out->count - 1];
        char value[CURSOR_VALUE] = "";
        if (sort->value)
            sort->value(last, value);
        cursor_write(out->next, value, last->id);
    }
    return more < 0 ? -1 : 0;
}

int function_list(db_t *db, const access_t *access, const function_filter_t *filter,
                  function_page_t *out, err_t *err)
{
    const char *sort_name = filter->sort ? filter->sort : "-created_at";
    bool backward = sort_name[0] == '-';
    const sort_t *sort = find_sort(sort_name + backward);
    *out = (function_page_t){0};
    if (!sort)
        return err_set(err, ERR_INVALID,
                       "sort must be name, created_at or updated_at, or one of these after a -");
    function_search_t looked_for = {0};
    function_search_t *search = filter->q && filter->q[0] ? &looked_for : NULL;
    bool everywhere = access_everywhere(access, SCOPE_FUNCTIONS_READ);
    if (search && function_search_for(db, filter->q, everywhere, search, err) < 0)
        return -1;
    cleanup_query query_t q = QUERY_INIT;
    function_select(&q, FUNCTION_BRIEF);
    add_source(&q, sort, search);
    access_where(&q, access, SCOPE_FUNCTIONS_READ,
                 search && !sort->value ? "s.owner_id" : "f.owner_id");
    add_filter(&q, filter);
    if (filter->cursor && add_cursor(&q, sort, backward, filter->cursor, err) < 0)
        return -1;
    query_add(&q, backward ? sort->order_backward : sort->order_forward);
    query_add1(&q, " LIMIT ?", db_int(filter->limit + 1));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    out->items = calloc((size_t)filter->limit, sizeof *out->items);
    if (!out->items)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (read_page(rows, sort, filter->limit, out, err) == 0)
        return 0;
    function_page_free(out);
    return -1;
}
