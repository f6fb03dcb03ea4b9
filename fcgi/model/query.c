#include "model/query.h"

#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

void query_free(query_t *q)
{
    buf_free(&q->sql);
    arena_free(&q->kept);
}

void query_add(query_t *q, const char *sql)
{
    buf_adds(&q->sql, sql);
}

void query_value(query_t *q, db_value_t value)
{
    if (q->count < QUERY_PARAMS)
        q->params[q->count++] = value;
    else
        q->sql.failed = true;
}

void query_add1(query_t *q, const char *sql, db_value_t value)
{
    query_add(q, sql);
    query_value(q, value);
}

void query_add2(query_t *q, const char *sql, db_value_t first, db_value_t second)
{
    query_add1(q, sql, first);
    query_value(q, second);
}

const char *query_keep(query_t *q, const char *text)
{
    const char *copy = arena_text(&q->kept, text);
    if (!copy)
        q->sql.failed = true;
    return copy;
}

db_value_t query_pattern(query_t *q, const char *text)
{
    cleanup_buf buf_t pattern = BUF_INIT(QUERY_TEXT_MAX);
    buf_addc(&pattern, '%');
    for (const char *p = text; *p; p++) {
        if (strchr("%_|", *p))
            buf_addc(&pattern, '|');
        buf_addc(&pattern, *p);
    }
    buf_addc(&pattern, '%');
    q->sql.failed |= pattern.failed;
    return db_text(query_keep(q, buf_str(&pattern)));
}

static int check(const query_t *q, err_t *err)
{
    return buf_failed(&q->sql) ? err_set(err, ERR_INTERNAL, "a query has grown too long") : 0;
}

db_rows_t *query_rows(db_t *db, const query_t *q, err_t *err)
{
    return check(q, err) < 0 ? NULL : db_query(db, buf_str(&q->sql), q->params, q->count, err);
}

int query_exec(db_t *db, const query_t *q, int64_t *affected, err_t *err)
{
    if (check(q, err) < 0)
        return -1;
    return db_exec(db, buf_str(&q->sql), q->params, q->count, affected, err);
}

// ---- cursors

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

void cursor_write(char out[CURSOR_TEXT], const char *value, const char *id)
{
    char plain[CURSOR_VALUE + ID_TEXT];
    size_t len = strlen(value);
    memcpy(plain, id, ID_TEXT - 1);
    memcpy(plain + ID_TEXT - 1, value, len);
    sodium_bin2base64(out, CURSOR_TEXT, (const unsigned char *)plain, ID_TEXT - 1 + len, VARIANT);
}

int cursor_read(const char *text, char value[CURSOR_VALUE], char id[ID_TEXT], err_t *err)
{
    char plain[CURSOR_VALUE + ID_TEXT];
    size_t len = 0;
    if (sodium_base642bin((unsigned char *)plain, sizeof plain - 1, text, strlen(text), NULL, &len,
                          NULL, VARIANT) < 0 ||
        len < ID_TEXT - 1 || memchr(plain, '\0', len))
        return err_set(err, ERR_INVALID, "cursor must be the `next` of a page before");
    plain[len] = '\0';
    memcpy(id, plain, ID_TEXT - 1);
    id[ID_TEXT - 1] = '\0';
    if (!id_valid(id) || !str_utf8(plain, len) ||
        !str_copy(value, CURSOR_VALUE, plain + ID_TEXT - 1))
        return err_set(err, ERR_INVALID, "cursor must be the `next` of a page before");
    return 0;
}
