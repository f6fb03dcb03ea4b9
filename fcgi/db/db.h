// The database: a bounded pool of connections, prepared statements and typed rows.
//
// SQL text lives in model/. A connection belongs to one thread between db_get and db_put and keeps its
// prepared statements. A database that is away or stopped shows as ERR_UNAVAILABLE within about two
// seconds. A read that finds its idle connection dead is repeated once on a new one; a write never is.
#ifndef CLOCHE_DB_DB_H
#define CLOCHE_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/config.h"
#include "core/ids.h"

typedef struct db_pool db_pool_t;
typedef struct db db_t;

// Where the database is.
typedef struct {
    char host[256], socket[256], user[128], password[256], name[128];
    unsigned port;
} db_url_t;

// mysql://user:pass@host:port/db or mysql://user@/db?socket=/path; user, password and db may be
// percent-encoded. ERR_INVALID does not repeat the URL: it may hold a password.
int db_url_parse(const char *text, db_url_t *out, err_t *err) MUSTCHECK;
// The setting db_url, or the private MariaDB's socket below `run`.
int db_url_config(const config_t *config, db_url_t *out, err_t *err) MUSTCHECK;

typedef struct {
    int connections; // at most
    int wait_ms;     // for a free connection
    int timeout_s;   // for connecting, and for each answer; 0: none
} db_limits_t;

#define DB_LIMITS(n) ((db_limits_t){.connections = (n), .wait_ms = 2000, .timeout_s = 2})

// Makes the pool; connects nowhere yet. Call before threads start. Close when no thread uses it.
int db_pool_open(const db_url_t *url, db_limits_t limits, db_pool_t **out, err_t *err) MUSTCHECK;
void db_pool_close(db_pool_t *pool);

typedef struct {
    int connections, open, in_use;
} db_pool_counts_t;
void db_pool_counts(db_pool_t *pool, db_pool_counts_t *out);

// Borrows a connection; NULL with ERR_UNAVAILABLE. Give it back with db_put, or mark the local
// cleanup_db; an open transaction is then rolled back.
db_t *db_get(db_pool_t *pool, err_t *err) MUSTCHECK;
void db_put(db_t *db);

static inline void db_cleanup_fn(db_t **db)
{
    if (*db)
        db_put(*db);
}
#define cleanup_db __attribute__((cleanup(db_cleanup_fn)))

// ---- parameters

typedef enum { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB, DB_ID } db_type_t;

typedef struct {
    db_type_t type;
    size_t len;
    union {
        int64_t i;
        double d;
        const void *data; // not copied: must live until the call returns
        uint8_t id[ID_BYTES];
    };
} db_value_t;

db_value_t db_null(void);
db_value_t db_int(int64_t value);
db_value_t db_real(double value);
db_value_t db_text(const char *text); // NULL is NULL
db_value_t db_textn(const char *text, size_t len);
db_value_t db_blob(const void *data, size_t len); // NULL is NULL
// An id as 16 bytes; malformed text becomes NULL, which equals nothing.
db_value_t db_id(const char *text);

// A parameter list: db_exec(db, SQL, DB_PARAMS(db_id(id), db_int(3)), NULL, err)
#define DB_PARAMS(...)                 \
    (const db_value_t[]){__VA_ARGS__}, \
        sizeof((const db_value_t[]){__VA_ARGS__}) / sizeof(db_value_t)
#define DB_NO_PARAMS NULL, 0

// ---- statements

// Runs a statement without rows. `affected` may be NULL; rows found, not only those really changed.
int db_exec(db_t *db, const char *sql, const db_value_t *params, size_t count, int64_t *affected,
            err_t *err) MUSTCHECK;

// Whether the last db_exec failed on a duplicate of the unique key of this name ("PRIMARY" is one).
bool db_duplicate(const db_t *db, const char *key);
// Whether it failed because a value does not fit its column: with the same values it always will.
bool db_value_refused(const db_t *db);

int db_begin(db_t *db, err_t *err) MUSTCHECK;
int db_commit(db_t *db, err_t *err) MUSTCHECK;
void db_rollback(db_t *db);

// A lock of this name, on the whole server, until db_unlock or the end of the connection: 1, or 0 when
// somebody else still has it after that many seconds.
int db_lock(db_t *db, const char *name, int wait_s, err_t *err) MUSTCHECK;
void db_unlock(db_t *db, const char *name);

// The rows of a query, all fetched. Free them before the connection runs anything else.
typedef struct db_rows db_rows_t;

db_rows_t *db_query(db_t *db, const char *sql, const db_value_t *params, size_t count,
                    err_t *err) MUSTCHECK;
// 1: a row is there, 0: no more, -1: an error.
int db_next(db_rows_t *rows, err_t *err) MUSTCHECK;
void db_rows_free(db_rows_t *rows);

static inline void db_rows_cleanup_fn(db_rows_t **rows)
{
    if (*rows)
        db_rows_free(*rows);
}
#define cleanup_db_rows __attribute__((cleanup(db_rows_cleanup_fn)))

// Columns of the current row, counted from 0. NULL reads as 0, false, "" or length 0.
bool db_is_null(const db_rows_t *rows, int column);
int64_t db_get_int(const db_rows_t *rows, int column);
double db_get_real(const db_rows_t *rows, int column);
// NUL-terminated; valid until the next db_next. `len` may be NULL.
const char *db_get_text(const db_rows_t *rows, int column, size_t *len);
// A copy for the caller to free; NULL for NULL. Out of memory shows as *failed = true.
char *db_get_copy(const db_rows_t *rows, int column, size_t *len, bool *failed);
// "" unless the column holds 16 bytes.
void db_get_id(const db_rows_t *rows, int column, char out[ID_TEXT]);

// ---- for migrations

// Runs one statement as plain text, outside the statement cache; rows are dropped.
int db_run(db_t *db, const char *sql, size_t len, err_t *err) MUSTCHECK;

#endif
