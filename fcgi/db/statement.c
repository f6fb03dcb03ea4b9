#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "db/conn.h"

enum { STATEMENTS_MAX = 128 }; // prepared at once on a connection

struct statement {
    char *sql;
    MYSQL_STMT *stmt;
    UT_hash_handle hh;
};

// ---- values

db_value_t db_null(void)
{
    return (db_value_t){.type = DB_NULL};
}

db_value_t db_int(int64_t value)
{
    return (db_value_t){.type = DB_INT, .i = value};
}

db_value_t db_real(double value)
{
    return (db_value_t){.type = DB_REAL, .d = value};
}

db_value_t db_text(const char *text)
{
    return db_textn(text, text ? strlen(text) : 0);
}

db_value_t db_textn(const char *text, size_t len)
{
    return text ? (db_value_t){.type = DB_TEXT, .len = len, .data = text} : db_null();
}

db_value_t db_blob(const void *data, size_t len)
{
    return data ? (db_value_t){.type = DB_BLOB, .len = len, .data = data} : db_null();
}

db_value_t db_id(const char *text)
{
    db_value_t v = {.type = DB_ID, .len = ID_BYTES};
    return id_to_bytes(text, v.id) ? v : db_null();
}

// The library's structs are not const-correct; it only reads what parameters point to.
static MYSQL_BIND bind_value(const db_value_t *v)
{
    MYSQL_BIND b = {.buffer_type = MYSQL_TYPE_NULL};
    union {
        const void *in;
        void *out;
    } data = {.in = NULL};
    switch (v->type) {
    case DB_NULL:
        break;
    case DB_INT:
        b.buffer_type = MYSQL_TYPE_LONGLONG;
        data.in = &v->i;
        break;
    case DB_REAL:
        b.buffer_type = MYSQL_TYPE_DOUBLE;
        data.in = &v->d;
        break;
    case DB_TEXT:
        b.buffer_type = MYSQL_TYPE_STRING;
        data.in = v->data;
        break;
    case DB_BLOB:
        b.buffer_type = MYSQL_TYPE_BLOB;
        data.in = v->data;
        break;
    case DB_ID:
        b.buffer_type = MYSQL_TYPE_BLOB;
        data.in = v->id;
        break;
    }
    b.buffer = data.out;
    b.buffer_length = v->len;
    return b;
}

// ---- the cache, in the order of last use

static void drop(db_t *db, statement_t *s)
{
    HASH_DEL(db->statements, s);
    mysql_stmt_close(s->stmt);
    free(s->sql);
    free(s);
}

void statements_free(db_t *db)
{
    statement_t *s, *next;
    HASH_ITER (hh, db->statements, s, next)
        drop(db, s);
}

static void make_room(db_t *db)
{
    if (HASH_COUNT(db->statements) >= STATEMENTS_MAX)
        drop(db, db->statements); // the first is the one not used for longest
}

static int stmt_fail(db_t *db, statement_t *s, err_t *err);

static statement_t *prepare(db_t *db, const char *sql, err_t *err)
{
    statement_t *s = NULL;
    HASH_FIND_STR(db->statements, sql, s);
    if (s) {
        HASH_DEL(db->statements, s);
        HASH_ADD_KEYPTR(hh, db->statements, s->sql, strlen(s->sql), s); // now the last
        return s;
    }
    make_room(db);
    s = calloc(1, sizeof *s);
    char *copy = strdup(sql);
    MYSQL_STMT *stmt = mysql_stmt_init(db->mysql);
    if (!s || !copy || !stmt) {
        free(s);
        free(copy);
        if (stmt)
            mysql_stmt_close(stmt);
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *s = (statement_t){.sql = copy, .stmt = stmt};
    HASH_ADD_KEYPTR(hh, db->statements, s->sql, strlen(s->sql), s);
    sql_bool_t yes = 1;
    mysql_stmt_attr_set(stmt, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
    if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
        stmt_fail(db, s, err);
        return NULL;
    }
    return s;
}

// "Duplicate entry 'x' for key 'name'", or 'table.name' in MySQL 8.
static void note_duplicate(db_t *db, const char *text)
{
    const char *end = strrchr(text, '\'');
    const char *start = end ? memrchr(text, '\'', (size_t)(end - text)) : NULL;
    if (!start)
        return;
    const char *dot = memrchr(start, '.', (size_t)(end - start));
    const char *key = dot ? dot + 1 : start + 1;
    size_t len = (size_t)(end - key);
    if (len < sizeof db->duplicate) {
        memcpy(db->duplicate, key, len);
        db->duplicate[len] = '\0';
    }
}

static bool is_about_a_value(unsigned code)
{
    switch (code) {
    case 1048: // NULL in a column that has none
    case 1153: // longer than a packet may be
    case 1264: // out of range
    case 1265: // truncated
    case 1292: // of the wrong form
    case 1366: // not of the column's character set
    case 1406: // too long
        return true;
    default:
        return false;
    }
}

// A statement that failed is prepared anew the next time.
static int stmt_fail(db_t *db, statement_t *s, err_t *err)
{
    enum { DUPLICATE_ENTRY = 1062 };
    char text[256];
    unsigned code = mysql_stmt_errno(s->stmt);
    str_copy(text, sizeof text, mysql_stmt_error(s->stmt));
    text[str_utf8_cut(text, strlen(text))] = '\0';
    if (code == DUPLICATE_ENTRY)
        note_duplicate(db, mysql_stmt_error(s->stmt));
    db->value_refused = is_about_a_value(code);
    drop(db, s);
    return conn_fail(db, code, text, err);
}

bool db_duplicate(const db_t *db, const char *key)
{
    return str_eq(db->duplicate, key);
}

bool db_value_refused(const db_t *db)
{
    return db->value_refused;
}

// ---- running

static int not_connected(err_t *err)
{
    return err_set(err, ERR_UNAVAILABLE, "database: the connection was lost");
}

// Room for so many values, which stays with the connection: for a statement of many rows it is so much that the
// allocator would have it mapped, and touched for the first time, again and again.
static MYSQL_BIND *binds_for(db_t *db, size_t count)
{
    if (count > db->bind_count || !db->binds) {
        MYSQL_BIND *binds = reallocarray(db->binds, count ? count : 1, sizeof *binds);
        if (!binds)
            return NULL;
        db->binds = binds;
        db->bind_count = count;
    }
    return db->binds;
}

static statement_t *run(db_t *db, const char *sql, const db_value_t *params, size_t count,
                        err_t *err)
{
    db->duplicate[0] = '\0';
    db->value_refused = false;
    if (!db->mysql) {
        not_connected(err);
        return NULL;
    }
    if (db->reading) {
        err_set(err, ERR_INTERNAL, "rows are still being read: %s", sql);
        return NULL;
    }
    statement_t *s = prepare(db, sql, err);
    if (!s)
        return NULL;
    if (mysql_stmt_param_count(s->stmt) != count) {
        err_set(err, ERR_INTERNAL, "%lu values are needed: %s", mysql_stmt_param_count(s->stmt),
                sql);
        return NULL;
    }
    MYSQL_BIND *binds = binds_for(db, count);
    if (!binds) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        binds[i] = bind_value(&params[i]);
    if ((count && mysql_stmt_bind_param(s->stmt, binds) != 0) || mysql_stmt_execute(s->stmt) != 0) {
        stmt_fail(db, s, err);
        return NULL;
    }
    return s;
}

int db_exec(db_t *db, const char *sql, const db_value_t *params, size_t count, int64_t *affected,
            err_t *err)
{
    statement_t *s = run(db, sql, params, count, err);
    if (!s)
        return -1;
    if (affected)
        *affected = (int64_t)mysql_stmt_affected_rows(s->stmt);
    return 0;
}

int db_run(db_t *db, const char *sql, size_t len, err_t *err)
{
    if (!db->mysql)
        return not_connected(err);
    int rc = mysql_real_query(db->mysql, sql, len);
    while (rc == 0) {
        MYSQL_RES *rows = mysql_store_result(db->mysql);
        if (rows)
            mysql_free_result(rows);
        rc = mysql_next_result(db->mysql);
    }
    if (rc < 0) // no more results
        return 0;
    char text[256];
    str_copy(text, sizeof text, mysql_error(db->mysql));
    return conn_fail(db, mysql_errno(db->mysql), text, err);
}

static int run_word(db_t *db, const char *word, err_t *err)
{
    return db_run(db, word, strlen(word), err);
}

int db_begin(db_t *db, err_t *err)
{
    static const char begin[] = "START TRANSACTION";
    // Nothing has been sent yet, so a dead connection may be replaced.
    if (run_word(db, begin, err) < 0 &&
        (db->mysql || conn_open(db, err) < 0 || run_word(db, begin, err) < 0))
        return -1;
    db->in_transaction = true;
    return 0;
}

int db_commit(db_t *db, err_t *err)
{
    if (run_word(db, "COMMIT", err) < 0)
        return -1;
    db->in_transaction = false;
    return 0;
}

void db_rollback(db_t *db)
{
    err_t ignored;
    if (db->mysql && run_word(db, "ROLLBACK", &ignored) < 0)
        conn_close(db); // the server rolls back what a closed connection left open
    db->in_transaction = false;
}

// ---- rows

typedef struct {
    union {
        int64_t i;
        double d;
    };
    char *text; // room for the longest value of this column
    unsigned long len;
    sql_bool_t null;
    db_type_t type;
} column_t;

struct db_rows {
    db_t *db;
    statement_t *statement;
    int columns;
    column_t column[];
};

static db_type_t column_type(enum enum_field_types type)
{
    switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
        return DB_INT;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return DB_REAL;
    default:
        return DB_BLOB;
    }
}

static bool bind_column(column_t *c, const MYSQL_FIELD *field, MYSQL_BIND *b)
{
    c->type = column_type(field->type);
    *b = (MYSQL_BIND){.is_null = &c->null, .length = &c->len};
    if (c->type == DB_INT) {
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->buffer = &c->i;
    } else if (c->type == DB_REAL) {
        b->buffer_type = MYSQL_TYPE_DOUBLE;
        b->buffer = &c->d;
    } else {
        b->buffer_type = MYSQL_TYPE_BLOB;
        b->buffer = c->text = malloc(field->max_length + 1);
        b->buffer_length = field->max_length;
    }
    return b->buffer;
}

static int bind_columns(db_rows_t *rows, MYSQL_RES *meta, err_t *err)
{
    cleanup_free MYSQL_BIND *binds = calloc((size_t)rows->columns, sizeof *binds);
    bool ok = binds;
    for (int i = 0; ok && i < rows->columns; i++)
        ok = bind_column(&rows->column[i], mysql_fetch_field_direct(meta, (unsigned)i), &binds[i]);
    if (!ok || mysql_stmt_bind_result(rows->statement->stmt, binds) != 0)
        return err_set(err, ERR_INTERNAL, "out of memory");
    return 0;
}

// The rows of a statement that has run.
static db_rows_t *open_rows(db_t *db, statement_t *s, err_t *err)
{
    if (mysql_stmt_store_result(s->stmt) != 0) {
        stmt_fail(db, s, err);
        return NULL;
    }
    MYSQL_RES *meta = mysql_stmt_result_metadata(s->stmt);
    if (!meta) {
        err_set(err, ERR_INTERNAL, "no rows: %s", s->sql);
        return NULL;
    }
    unsigned columns = mysql_num_fields(meta);
    db_rows_t *rows = calloc(1, sizeof *rows + columns * sizeof rows->column[0]);
    if (rows) {
        *rows = (db_rows_t){.db = db, .statement = s, .columns = (int)columns};
        db->reading = true;
        if (bind_columns(rows, meta, err) < 0) {
            db_rows_free(rows);
            rows = NULL;
        }
    } else {
        mysql_stmt_free_result(s->stmt);
        err_set(err, ERR_INTERNAL, "out of memory");
    }
    mysql_free_result(meta);
    return rows;
}

static db_rows_t *query(db_t *db, const char *sql, const db_value_t *params, size_t count,
                        err_t *err)
{
    statement_t *s = run(db, sql, params, count, err);
    return s ? open_rows(db, s, err) : NULL;
}

db_rows_t *db_query(db_t *db, const char *sql, const db_value_t *params, size_t count, err_t *err)
{
    // A connection that is found dead at once was closed while it was idle; one that is lost after a
    // wait has run into the time limit, and another wait would double it.
    static const int64_t at_once_ns = 100 * 1000000LL;
    bool repeatable = !db->in_transaction && db->mysql;
    int64_t start = clock_mono_ns();
    db_rows_t *rows = query(db, sql, params, count, err);
    if (rows || db->mysql || !repeatable || clock_mono_ns() - start > at_once_ns)
        return rows;
    if (conn_open(db, err) < 0)
        return NULL;
    return query(db, sql, params, count, err);
}

int db_next(db_rows_t *rows, err_t *err)
{
    int rc = mysql_stmt_fetch(rows->statement->stmt);
    if (rc == MYSQL_NO_DATA)
        return 0;
    if (rc != 0)
        return err_set(err, ERR_INTERNAL, "database: %s",
                       rc == MYSQL_DATA_TRUNCATED ? "a value was cut"
                                                  : mysql_stmt_error(rows->statement->stmt));
    for (int i = 0; i < rows->columns; i++) {
        column_t *c = &rows->column[i];
        if (c->null) {
            c->i = 0;
            c->len = 0;
        }
        if (c->type == DB_BLOB)
            c->text[c->len] = '\0';
    }
    return 1;
}

void db_rows_free(db_rows_t *rows)
{
    mysql_stmt_free_result(rows->statement->stmt);
    rows->db->reading = false;
    for (int i = 0; i < rows->columns; i++)
        free(rows->column[i].text);
    free(rows);
}

bool db_is_null(const db_rows_t *rows, int column)
{
    return rows->column[column].null;
}

int64_t db_get_int(const db_rows_t *rows, int column)
{
    const column_t *c = &rows->column[column];
    return c->type == DB_INT ? c->i : c->type == DB_REAL ? (int64_t)c->d : 0;
}

double db_get_real(const db_rows_t *rows, int column)
{
    const column_t *c = &rows->column[column];
    return c->type == DB_REAL ? c->d : c->type == DB_INT ? (double)c->i : 0;
}

const char *db_get_text(const db_rows_t *rows, int column, size_t *len)
{
    const column_t *c = &rows->column[column];
    if (len)
        *len = c->text ? c->len : 0;
    return c->text ? c->text : "";
}

char *db_get_copy(const db_rows_t *rows, int column, size_t *len, bool *failed)
{
    size_t n = 0;
    const char *text = db_get_text(rows, column, &n);
    if (len)
        *len = n;
    if (db_is_null(rows, column))
        return NULL;
    char *copy = malloc(n + 1);
    if (copy)
        memcpy(copy, text, n + 1);
    else
        *failed = true;
    return copy;
}

void db_get_id(const db_rows_t *rows, int column, char out[ID_TEXT])
{
    size_t len;
    const char *bytes = db_get_text(rows, column, &len);
    out[0] = '\0';
    if (len == ID_BYTES)
        id_from_bytes((const uint8_t *)bytes, out);
}
