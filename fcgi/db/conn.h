// A connection from the inside; for the files of db/ only.
#ifndef CLOCHE_DB_CONN_H
#define CLOCHE_DB_CONN_H

#include <mysql.h>
#include <stdbool.h>

#include "db/db.h"

// my_bool in MariaDB's library, bool in MySQL's.
typedef __typeof__(*((MYSQL_BIND *)0)->is_null) sql_bool_t;

// A prepared statement of one connection, found by its text (uthash, defined in statement.c).
typedef struct statement statement_t;

struct db {
    db_pool_t *pool;
    MYSQL *mysql; // NULL: not connected
    statement_t *statements;
    MYSQL_BIND *binds; // of the statement that runs; for as many values as any has had
    size_t bind_count;
    bool in_transaction;
    bool reading;       // a db_rows_t is open
    char duplicate[66]; // key that the last statement hit, "" if none
    bool value_refused; // the last statement had a value that fits no column
    db_t *next;         // of the free ones
};

// Connects, or connects again; ERR_UNAVAILABLE. What was prepared before is gone.
int conn_open(db_t *db, err_t *err);
void conn_close(db_t *db);

// Fills err from what the library says, and closes a connection that is lost. Returns -1.
int conn_fail(db_t *db, unsigned code, const char *text, err_t *err);

void statements_free(db_t *db);

#endif
