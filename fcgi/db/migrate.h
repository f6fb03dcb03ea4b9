// Migrations: numbered files NNNN_name.sql, applied in order, each once, under a lock of the database.
//
// schema_migrations records the SHA-256 of each and how many of its statements have run, because DDL
// commits by itself: a migration that fails in its middle is taken up again at the statement that
// failed, after its file was corrected from there on.
#ifndef CLOCHE_DB_MIGRATE_H
#define CLOCHE_DB_MIGRATE_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "db/db.h"

// Applies what is missing and writes a line for each file to `report` (NULL: quiet). Returns how many
// files it applied, or -1: with ERR_INVALID when files and records contradict each other (a file that
// was applied has changed or gone, a new one is numbered before an applied one).
int migrate_run(db_t *db, const char *dir, FILE *report, err_t *err) MUSTCHECK;

// Splits SQL text into statements: at `;` outside of quotes and comments. Takes the next one from *text
// (of *len bytes, moved on); returns 1 with the statement trimmed, 0 at the end, -1 with ERR_INVALID
// for a quote or comment that is never closed.
typedef struct {
    const char *text;
    size_t len;
} migrate_statement_t;

int migrate_split(const char **text, size_t *len, migrate_statement_t *out, err_t *err) MUSTCHECK;

#endif
