// Lists of records, newest first.
//
// An index gives the order; what else is filtered by stands in the index, too, but for the error's text. So a
// page comes from index pages and the rows it shows. A filter that hardly a record passes could still read
// all of them: a window bounds that.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/invocation_row.h"

enum {
    WINDOW = 10000, // records whose index entries one page looks at
    TEXTS = 1000,   // of them, those whose text it looks at
};

// The part of the order that is looked at: ids from `from` up to, not with, `before`. "": no bound.
typedef struct {
    char from[ID_TEXT], before[ID_TEXT];
    bool cut; // there is more before `from`
} window_t;

static bool has_text(const invocation_filter_t *f)
{
    return f->q && f->q[0];
}

static bool needs_window(const invocation_filter_t *f)
{
    return f->statuses || f->runtime >= 0 || f->start >= 0 || f->version || f->min_ms ||
           has_text(f);
}

static int window_init(window_t *w, const invocation_filter_t *f, err_t *err)
{
    char value[CURSOR_VALUE], id[ID_TEXT];
    *w = (window_t){0};
    if (f->from_ms >= 0)
        id_bound(f->from_ms, w->from);
    if (f->to_ms >= 0)
        id_bound(f->to_ms, w->before);
    if (!f->cursor)
        return 0;
    if (cursor_read(f->cursor, value, id, err) < 0)
        return -1;
    if (!w->before[0] || strcmp(id, w->before) < 0)
        memcpy(w->before, id, sizeof w->before);
    return 0;
}

// The index is named: which one is right follows from the filter, and a wrong guess reads a million rows.
static void add_source(query_t *q, const access_t *access, const invocation_filter_t *f)
{
    bool all = access_everywhere(access, SCOPE_METRICS_READ);
    query_add(q, "SELECT i.id FROM invocations i FORCE INDEX (");
    query_add(q, f->function_id ? "by_function" : all ? "PRIMARY" : "by_owner");
    query_add(q, ") WHERE 1 = 1");
    access_where(q, access, SCOPE_METRICS_READ, "i.owner_id");
    if (f->function_id)
        query_add1(q, " AND i.function_id = ?", db_id(f->function_id));
}

static void add_range(query_t *q, const window_t *w)
{
    if (w->from[0])
        query_add1(q, " AND i.id >= ?", db_id(w->from));
    if (w->before[0])
        query_add1(q, " AND i.id < ?", db_id(w->before));
}

static void add_statuses(query_t *q, uint32_t statuses)
{
    query_add(q, " AND i.status IN (");
    for (int i = 0, first = 1; INVOCATION_STATUS_WORDS[i]; i++) {
        if (!(statuses >> i & 1))
            continue;
        query_add1(q, first ? "?" : ", ?", db_text(INVOCATION_STATUS_WORDS[i]));
        first = 0;
    }
    query_add(q, ")");
}

static void add_filter(query_t *q, const invocation_filter_t *f)
{
    if (f->statuses)
        add_statuses(q, f->statuses);
    if (has_text(f))
        query_add(q, " AND i.status <> 'ok'"); // the others have no text
    if (f->runtime >= 0)
        query_add1(q, " AND i.runtime = ?", db_text(RUNTIME_WORDS[f->runtime]));
    if (f->start >= 0)
        query_add1(q, " AND i.start = ?", db_text(START_WORDS[f->start]));
    if (f->version)
        query_add1(q, " AND i.version = ?", db_int(f->version));
    if (f->min_ms)
        query_add1(q, " AND i.total_us >= ?", db_int(f->min_ms * 1000));
}

// Raises w->from to the record that is `count` before the newest, of all or of those that pass the filter.
static int narrow(db_t *db, const access_t *access, const invocation_filter_t *f, bool filtered,
                  int count, window_t *w, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    add_source(&q, access, f);
    add_range(&q, w);
    if (filtered)
        add_filter(&q, f);
    query_add1(&q, " ORDER BY i.id DESC LIMIT 1 OFFSET ?", db_int(count - 1));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found > 0) {
        db_get_id(rows, 0, w->from);
        w->cut = true;
    }
    return found < 0 ? -1 : 0;
}

static int read_page(db_rows_t *rows, int limit, invocation_page_t *out, err_t *err)
{
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < (size_t)limit) {
        row_t row = {.rows = rows};
        invocation_t *inv = &out->items[out->count];
        invocation_take_brief(&row, inv);
        if (invocation_taken(&row, inv, err) < 0)
            return -1;
        out->count++;
    }
    if (more > 0)
        cursor_write(out->next, "", out->items[out->count - 1].id);
    return more < 0 ? -1 : 0;
}

static int page(db_t *db, const access_t *access, const invocation_filter_t *f, const window_t *w,
                invocation_page_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT STRAIGHT_JOIN " INVOCATION_BRIEF " FROM (");
    add_source(&q, access, f);
    add_range(&q, w);
    add_filter(&q, f);
    query_add1(&q, " ORDER BY i.id DESC LIMIT ?) w JOIN invocations i ON i.id = w.id",
               db_int(has_text(f) ? TEXTS : f->limit + 1));
    if (has_text(f)) {
        db_value_t pattern = query_pattern(&q, f->q);
        query_add2(&q,
                   " WHERE i.error_type COLLATE utf8mb4_unicode_520_ci LIKE ? ESCAPE '|'"
                   " OR i.error_message COLLATE utf8mb4_unicode_520_ci LIKE ? ESCAPE '|'",
                   pattern, pattern);
    }
    query_add1(&q, " ORDER BY i.id DESC LIMIT ?", db_int(f->limit + 1));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    return rows ? read_page(rows, f->limit, out, err) : -1;
}

int invocation_list(db_t *db, const access_t *access, const invocation_filter_t *filter,
                    invocation_page_t *out, err_t *err)
{
    window_t w;
    *out = (invocation_page_t){0};
    if (window_init(&w, filter, err) < 0)
        return -1;
    if (needs_window(filter) && narrow(db, access, filter, false, WINDOW, &w, err) < 0)
        return -1;
    if (has_text(filter) && narrow(db, access, filter, true, TEXTS, &w, err) < 0)
        return -1;
    out->items = calloc((size_t)filter->limit, sizeof *out->items);
    if (!out->items)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (page(db, access, filter, &w, out, err) < 0) {
        invocation_page_free(out);
        return -1;
    }
    if (w.cut && !out->next[0])
        cursor_write(out->next, "", w.from);
    return 0;
}
