// A statement that grows: fixed pieces of SQL, and values that travel as parameters, never as text.
#ifndef CLOCHE_MODEL_QUERY_H
#define CLOCHE_MODEL_QUERY_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "db/db.h"

enum {
    QUERY_PARAMS = 128,
    QUERY_TEXT_MAX = 16 * 1024,
    CURSOR_VALUE = 128, // with NUL
    CURSOR_TEXT = 256,
};

// Start with QUERY_INIT, mark the local cleanup_query.
typedef struct {
    buf_t sql;
    arena_t kept;
    db_value_t params[QUERY_PARAMS];
    size_t count;
} query_t;

#define QUERY_INIT ((query_t){.sql = BUF_INIT(QUERY_TEXT_MAX), .kept = ARENA_INIT(QUERY_TEXT_MAX)})
#define cleanup_query __attribute__((cleanup(query_free)))

void query_free(query_t *q);
// Adds SQL; the second also the value of the one `?` in it, the third of two.
void query_add(query_t *q, const char *sql);
void query_add1(query_t *q, const char *sql, db_value_t value);
void query_add2(query_t *q, const char *sql, db_value_t first, db_value_t second);
// A value for a `?` that is in the text already.
void query_value(query_t *q, db_value_t value);
// A copy of the text that lives as long as the query, which itself copies none of its values.
const char *query_keep(query_t *q, const char *text);

// For `LIKE ? ESCAPE '|'`: whatever holds this text, its own % and _ taken literally.
db_value_t query_pattern(query_t *q, const char *text);

db_rows_t *query_rows(db_t *db, const query_t *q, err_t *err) MUSTCHECK;
int query_exec(db_t *db, const query_t *q, int64_t *affected, err_t *err) MUSTCHECK;

// Where a page of a list ended, as opaque text: the value the list is sorted by, and the id that
// decides between equal values.
void cursor_write(char out[CURSOR_TEXT], const char *value, const char *id);
// ERR_INVALID for what cursor_write did not make.
int cursor_read(const char *text, char value[CURSOR_VALUE], char id[ID_TEXT], err_t *err) MUSTCHECK;

#endif
