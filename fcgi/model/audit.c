#include "model/audit.h"

#include <string.h>

#include "base/str.h"
#include "model/row.h"

enum { PRUNE_ROWS = 50 }; // more than come between two prunings

const char *const AUDIT_WORDS[] = {
#define X(name, text) [name] = (text),
    AUDIT_ACTIONS(X)
#undef X
        [AUDIT_ACTION_COUNT] = NULL,
};

int audit_add(db_t *db, const access_t *who, audit_action_t action, const char *target_id,
              const char *target_name, const char *detail, err_t *err)
{
    char id[ID_TEXT];
    id_new(id);
    const char *text = detail ? detail : "";
    size_t len = strlen(text);
    if (len >= AUDIT_DETAIL_TEXT)
        len = str_utf8_cut(text, AUDIT_DETAIL_TEXT - 1);
    return db_exec(db,
                   "INSERT INTO audit (id, user_id, username, action, target_id, target_name,"
                   " detail, address, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   DB_PARAMS(db_id(id), db_id(who->user_id), db_text(who->username),
                             db_text(AUDIT_WORDS[action]), db_id(target_id ? target_id : ""),
                             db_text(target_name ? target_name : ""), db_textn(text, len),
                             db_text(who->address), db_id(who->request_id)),
                   NULL, err);
}

static int read_row(const db_rows_t *rows, audit_line_t *out, err_t *err)
{
    row_t row = {.rows = rows};
    *out = (audit_line_t){0};
    row_id(&row, out->id);
    row_id(&row, out->user_id);
    row_text(&row, out->username, sizeof out->username);
    out->action = (audit_action_t)row_word(&row, AUDIT_WORDS);
    row_id(&row, out->target_id);
    row_text(&row, out->target_name, sizeof out->target_name);
    row_text(&row, out->detail, sizeof out->detail);
    row_text(&row, out->address, sizeof out->address);
    row_id(&row, out->request_id);
    return row.bad ? err_set(err, ERR_INTERNAL, "audit %s: unreadable row", out->id) : 0;
}

static int read_page(db_rows_t *rows, int limit, audit_page_t *out, err_t *err)
{
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < (size_t)limit)
        if (read_row(rows, &out->items[out->count++], err) < 0)
            return -1;
    if (more > 0)
        cursor_write(out->next, "", out->items[out->count - 1].id);
    return more < 0 ? -1 : 0;
}

int audit_list(db_t *db, const audit_filter_t *filter, audit_page_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT id, user_id, username, action, target_id, target_name, detail, address,"
                  " request_id FROM audit WHERE 1 = 1");
    if (filter->user_id)
        query_add1(&q, " AND user_id = ?", db_id(filter->user_id));
    if (filter->target_id)
        query_add1(&q, " AND target_id = ?", db_id(filter->target_id));
    if (filter->action >= 0)
        query_add1(&q, " AND action = ?", db_text(AUDIT_WORDS[filter->action]));
    if (filter->cursor) {
        char none[CURSOR_VALUE], id[ID_TEXT];
        if (cursor_read(filter->cursor, none, id, err) < 0)
            return -1;
        query_add1(&q, " AND id < ?", db_id(id));
    }
    query_add1(&q, " ORDER BY id DESC LIMIT ?", db_int(filter->limit + 1));
    out->count = 0;
    out->next[0] = '\0';
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    return rows ? read_page(rows, filter->limit, out, err) : -1;
}

int audit_prune(db_t *db, int64_t oldest_us, err_t *err)
{
    char id[ID_TEXT];
    id_bound(oldest_us / 1000, id);
    return db_exec(db, "DELETE FROM audit WHERE id < ? ORDER BY id LIMIT ?",
                   DB_PARAMS(db_id(id), db_int(PRUNE_ROWS)), NULL, err);
}
