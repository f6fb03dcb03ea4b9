#include "model/user.h"

#include "base/str.h"
#include "model/row.h"

#define COLUMNS "id, username, password_hash, role, disabled, created_at"

int user_insert(db_t *db, const user_t *user, err_t *err)
{
    int rc = db_exec(db, "INSERT INTO users (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)",
                     DB_PARAMS(db_id(user->id), db_text(user->username),
                               db_text(user->password_hash), db_text(role_name(user->role)),
                               db_int(user->disabled), db_int(user->created_us)),
                     NULL, err);
    if (rc < 0 && db_duplicate(db, "username"))
        return err_set(err, ERR_NAME_TAKEN, "the name %s is in use", user->username);
    return rc;
}

// ---- reading

static int read_row(row_t *row, user_t *out, err_t *err)
{
    *out = (user_t){0};
    row_id(row, out->id);
    row_text(row, out->username, sizeof out->username);
    row_text(row, out->password_hash, sizeof out->password_hash);
    out->role = (role_t)row_word(row, ROLE_WORDS);
    out->disabled = row_int(row) != 0;
    out->created_us = row_int(row);
    return row->bad ? err_set(err, ERR_INTERNAL, "user %s: unreadable row", out->id) : 0;
}

static int read_one(db_rows_t *rows, user_t *out, err_t *err)
{
    row_t row = {.rows = rows};
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    return found ? read_row(&row, out, err) : err_set(err, ERR_NOT_FOUND, "no such user");
}

int user_by_name(db_t *db, const char *username, user_t *out, err_t *err)
{
    // The collation pads with blanks: without BINARY, "bob " would find bob.
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT " COLUMNS " FROM users WHERE username = ? AND BINARY username = ?",
                 DB_PARAMS(db_text(username), db_text(username)), err);
    return read_one(rows, out, err);
}

int user_get(db_t *db, const char *id, user_t *out, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT " COLUMNS " FROM users WHERE id = ?", DB_PARAMS(db_id(id)), err);
    return read_one(rows, out, err);
}

int user_lock(db_t *db, const char *id, user_t *out, err_t *err)
{
    cleanup_db_rows db_rows_t *rows = db_query(
        db, "SELECT " COLUMNS " FROM users WHERE id = ? FOR UPDATE", DB_PARAMS(db_id(id)), err);
    return read_one(rows, out, err);
}

// ---- writing

int user_set_password(db_t *db, const char *id, const char *password_hash, err_t *err)
{
    return db_exec(db, "UPDATE users SET password_hash = ? WHERE id = ?",
                   DB_PARAMS(db_text(password_hash), db_id(id)), NULL, err);
}

#define ACTIVE_ADMINS "FROM users WHERE role = 'admin' AND disabled = 0"

int user_lock_admins(db_t *db, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT id " ACTIVE_ADMINS " FOR UPDATE", DB_NO_PARAMS, err);
    return rows ? 0 : -1;
}

static int check_admin_left(db_t *db, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT 1 " ACTIVE_ADMINS " LIMIT 1 FOR UPDATE", DB_NO_PARAMS, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    return found ? 0 : err_set(err, ERR_LAST_ADMIN, "somebody has to stay admin");
}

int user_update(db_t *db, const user_t *user, err_t *err)
{
    if (db_exec(db, "UPDATE users SET role = ?, disabled = ?, password_hash = ? WHERE id = ?",
                DB_PARAMS(db_text(role_name(user->role)), db_int(user->disabled),
                          db_text(user->password_hash), db_id(user->id)),
                NULL, err) < 0)
        return -1;
    return check_admin_left(db, err);
}

// ---- lists

static int add_cursor(query_t *q, const char *cursor, err_t *err)
{
    char username[CURSOR_VALUE], id[ID_TEXT];
    if (cursor_read(cursor, username, id, err) < 0)
        return -1;
    query_add1(q, " AND username > ?", db_text(query_keep(q, username)));
    return 0;
}

static int read_page(db_rows_t *rows, int limit, user_page_t *out, err_t *err)
{
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < (size_t)limit) {
        row_t row = {.rows = rows};
        user_t *user = &out->items[out->count++];
        if (read_row(&row, user, err) < 0)
            return -1;
        user->functions = row_int(&row);
    }
    if (more > 0) {
        const user_t *last = &out->items[out->count - 1];
        cursor_write(out->next, last->username, last->id);
    }
    return more < 0 ? -1 : 0;
}

int user_list(db_t *db, const user_filter_t *filter, user_page_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT " COLUMNS ","
                  " (SELECT COUNT(*) FROM functions WHERE owner_id = users.id)"
                  " FROM users WHERE 1 = 1");
    if (filter->q && filter->q[0])
        query_add1(&q, " AND INSTR(username, ?) > 0", db_text(filter->q));
    if (filter->role >= 0)
        query_add1(&q, " AND role = ?", db_text(ROLE_WORDS[filter->role]));
    if (filter->disabled >= 0)
        query_add1(&q, " AND disabled = ?", db_int(filter->disabled));
    if (filter->cursor && add_cursor(&q, filter->cursor, err) < 0)
        return -1;
    query_add1(&q, " ORDER BY username LIMIT ?", db_int(filter->limit + 1));
    out->count = 0;
    out->next[0] = '\0';
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    return rows ? read_page(rows, filter->limit, out, err) : -1;
}
