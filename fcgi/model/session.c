#include "model/session.h"

#include "model/row.h"

// What is over, and so many of the rest that with the new one no more than SESSIONS_MAX are left.
static int make_room(db_t *db, const char *user_id, const session_clock_t *at, err_t *err)
{
    if (db_exec(db,
                "DELETE FROM sessions WHERE user_id = ? AND (expires_at <= ? OR last_used_at <= ?)",
                DB_PARAMS(db_id(user_id), db_int(at->now_us), db_int(at->now_us - at->idle_us)),
                NULL, err) < 0)
        return -1;
    return db_exec(db,
                   "DELETE FROM sessions WHERE user_id = ? AND id <= ("
                   " SELECT id FROM (SELECT id FROM sessions WHERE user_id = ?"
                   "                 ORDER BY id DESC LIMIT 1 OFFSET ?) AS oldest)",
                   DB_PARAMS(db_id(user_id), db_id(user_id), db_int(SESSIONS_MAX - 1)), NULL, err);
}

int session_insert(db_t *db, const session_t *session, const session_clock_t *at,
                   const char *password_hash, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    const db_value_t values[] = {
        db_id(session->id),
        db_id(session->token_id),
        db_blob(session->hash, sizeof session->hash),
        db_text(session->address),
        db_text(session->user_agent),
        db_int(session->created_us),
        db_int(session->created_us),
        db_int(session->expires_us),
    };
    query_add(&q, "INSERT INTO sessions (id, user_id, token_id, hash, address, user_agent,"
                  " created_at, last_used_at, expires_at)"
                  " SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM users");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        query_value(&q, values[i]);
    query_add1(&q, " WHERE id = ? AND NOT disabled", db_id(session->user_id));
    if (password_hash)
        query_add1(&q, " AND password_hash = ?", db_text(password_hash));
    int64_t inserted;
    if (make_room(db, session->user_id, at, err) < 0 || query_exec(db, &q, &inserted, err) < 0)
        return -1;
    return inserted ? 0 : err_set(err, ERR_UNAUTHORIZED, "the account has changed meanwhile");
}

static int read_row(const db_rows_t *rows, session_t *out, err_t *err)
{
    row_t row = {.rows = rows};
    *out = (session_t){0};
    row_id(&row, out->id);
    row_id(&row, out->user_id);
    row_id(&row, out->token_id);
    row_text(&row, out->address, sizeof out->address);
    row_text(&row, out->user_agent, sizeof out->user_agent);
    out->created_us = row_int(&row);
    out->last_used_us = row_int(&row);
    out->expires_us = row_int(&row);
    return row.bad ? err_set(err, ERR_INTERNAL, "session %s: unreadable row", out->id) : 0;
}

int session_list(db_t *db, const access_t *access, const session_clock_t *at,
                 session_t out[SESSIONS_MAX], err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add2(&q,
               "SELECT id, user_id, token_id, address, user_agent, created_at, last_used_at,"
               " expires_at FROM sessions WHERE expires_at > ? AND last_used_at > ?",
               db_int(at->now_us), db_int(at->now_us - at->idle_us));
    access_where_own(&q, access, "user_id");
    query_add1(&q, " ORDER BY id DESC LIMIT ?", db_int(SESSIONS_MAX));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    int count = 0, more;
    while ((more = db_next(rows, err)) > 0)
        if (read_row(rows, &out[count++], err) < 0)
            return -1;
    return more < 0 ? -1 : count;
}

int session_delete(db_t *db, const access_t *access, const char *id, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add1(&q, "DELETE FROM sessions WHERE id = ?", db_id(id));
    access_where_own(&q, access, "user_id");
    int64_t found;
    if (query_exec(db, &q, &found, err) < 0)
        return -1;
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such session");
}

int session_delete_others(db_t *db, const char *user_id, const char *but, err_t *err)
{
    return db_exec(db, "DELETE FROM sessions WHERE user_id = ? AND NOT id <=> ?",
                   DB_PARAMS(db_id(user_id), db_id(but)), NULL, err);
}

int session_drop_token(db_t *db, const char *id, err_t *err)
{
    return db_exec(db, "UPDATE sessions SET token_id = NULL WHERE id = ?", DB_PARAMS(db_id(id)),
                   NULL, err);
}

int session_access(db_t *db, const uint8_t hash[CRYPTO_HASH], const session_clock_t *at,
                   access_t *out, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db,
                 "SELECT u.id, u.username, u.role, COALESCE(t.scopes, ?), s.id, s.token_id,"
                 " s.last_used_at "
                 "FROM sessions s JOIN users u ON u.id = s.user_id "
                 "LEFT JOIN tokens t ON t.id = s.token_id "
                 "WHERE s.hash = ? AND NOT u.disabled AND s.expires_at > ? AND s.last_used_at > ? "
                 "AND (t.expires_at IS NULL OR t.expires_at > ?)",
                 DB_PARAMS(db_int(SCOPE_ALL), db_blob(hash, CRYPTO_HASH), db_int(at->now_us),
                           db_int(at->now_us - at->idle_us), db_int(at->now_us)),
                 err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_UNAUTHORIZED, "no such login");
    return access_read(rows, out, err);
}

int session_touch(db_t *db, const char *id, int64_t now_us, err_t *err)
{
    return db_exec(db, "UPDATE sessions SET last_used_at = ? WHERE id = ?",
                   DB_PARAMS(db_int(now_us), db_id(id)), NULL, err);
}
