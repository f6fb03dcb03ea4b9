#include "model/token.h"

#include "model/row.h"

int token_insert(db_t *db, const token_t *token, err_t *err)
{
    return db_exec(db,
                   "INSERT INTO tokens (id, user_id, name, hash, scopes, expires_at, created_at) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?)",
                   DB_PARAMS(db_id(token->id), db_id(token->user_id), db_text(token->name),
                             db_blob(token->hash, sizeof token->hash), db_int(token->scopes),
                             token->expires_us ? db_int(token->expires_us) : db_null(),
                             db_int(token->created_us)),
                   NULL, err);
}

int token_delete_named(db_t *db, const char *user_id, const char *name, err_t *err)
{
    return db_exec(db, "DELETE FROM tokens WHERE user_id = ? AND name = ?",
                   DB_PARAMS(db_id(user_id), db_text(name)), NULL, err);
}

int token_list(db_t *db, const access_t *access, token_t out[TOKENS_MAX], err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT id, user_id, name, scopes, COALESCE(expires_at, 0),"
                  " COALESCE(last_used_at, 0), created_at FROM tokens WHERE 1 = 1");
    access_where_own(&q, access, "user_id");
    query_add1(&q, " ORDER BY id DESC LIMIT ?", db_int(TOKENS_MAX));
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    int count = 0, more;
    while ((more = db_next(rows, err)) > 0) {
        token_t *token = &out[count++];
        row_t row = {.rows = rows};
        *token = (token_t){0};
        row_id(&row, token->id);
        row_id(&row, token->user_id);
        row_text(&row, token->name, sizeof token->name);
        token->scopes = (uint32_t)row_int(&row);
        token->expires_us = row_int(&row);
        token->last_used_us = row_int(&row);
        token->created_us = row_int(&row);
        if (row.bad)
            return err_set(err, ERR_INTERNAL, "token %s: unreadable row", token->id);
    }
    return more < 0 ? -1 : count;
}

int token_count(db_t *db, const char *user_id, err_t *err)
{
    cleanup_db_rows db_rows_t *rows = db_query(db, "SELECT COUNT(*) FROM tokens WHERE user_id = ?",
                                               DB_PARAMS(db_id(user_id)), err);
    return rows && db_next(rows, err) > 0 ? (int)db_get_int(rows, 0) : -1;
}

// The row is locked, so that of two who delete it one finds it gone.
static int find_own(db_t *db, const access_t *access, const char *id, char name[TOKEN_NAME_TEXT],
                    err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add1(&q, "SELECT name FROM tokens WHERE id = ?", db_id(id));
    access_where_own(&q, access, "user_id");
    query_add(&q, " FOR UPDATE");
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such token");
    row_t row = {.rows = rows};
    row_text(&row, name, TOKEN_NAME_TEXT);
    return 0;
}

int token_delete(db_t *db, const access_t *access, const char *id, char name[TOKEN_NAME_TEXT],
                 err_t *err)
{
    if (find_own(db, access, id, name, err) < 0)
        return -1;
    return db_exec(db, "DELETE FROM tokens WHERE id = ?", DB_PARAMS(db_id(id)), NULL, err);
}

int token_access(db_t *db, const uint8_t hash[CRYPTO_HASH], int64_t now_us, access_t *out,
                 err_t *err)
{
    cleanup_db_rows db_rows_t *rows = db_query(
        db,
        "SELECT u.id, u.username, u.role, t.scopes, NULL, t.id, COALESCE(t.last_used_at, 0) "
        "FROM tokens t JOIN users u ON u.id = t.user_id "
        "WHERE t.hash = ? AND NOT u.disabled AND (t.expires_at IS NULL OR t.expires_at > ?)",
        DB_PARAMS(db_blob(hash, CRYPTO_HASH), db_int(now_us)), err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_UNAUTHORIZED, "no such login");
    return access_read(rows, out, err);
}

int token_touch(db_t *db, const char *id, int64_t now_us, err_t *err)
{
    return db_exec(db, "UPDATE tokens SET last_used_at = ? WHERE id = ?",
                   DB_PARAMS(db_int(now_us), db_id(id)), NULL, err);
}
