#include "db/migrate.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/crypto.h"

enum { NAME_TEXT = 128, FILES_MAX = 1000, FILE_BYTES_MAX = 4 * 1024 * 1024 };

static const char CREATE_TABLE[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    " number INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL,"
    " sha256 BINARY(32) NOT NULL, statements INT UNSIGNED NOT NULL, finished_at BIGINT NULL"
    ") ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

typedef struct {
    int number;
    char name[NAME_TEXT]; // of the file
    bool known;           // has a row in schema_migrations
    bool finished;
    bool there;         // has a file
    int64_t statements; // that have run
    uint8_t sha256[CRYPTO_HASH];
} migration_t;

// All known to the database or found as files, ordered by number.
typedef struct {
    migration_t *items;
    size_t count;
} plan_t;

// ---- splitting

// The length of the quoted text or comment that starts at p, 0 if none does, -1 if it is not closed.
static ssize_t skip_opaque(const char *p, size_t left)
{
    const char *end = p + left;
    if (*p == '#' || (left >= 3 && memcmp(p, "--", 2) == 0 && strchr(" \t\r\n", p[2]))) {
        const char *line_end = memchr(p, '\n', left);
        return line_end ? line_end - p : (ssize_t)left;
    }
    if (left >= 2 && memcmp(p, "/*", 2) == 0) {
        const char *close = memmem(p + 2, left - 2, "*/", 2);
        return close ? close + 2 - p : -1;
    }
    if (*p != '\'' && *p != '"' && *p != '`')
        return 0;
    for (const char *q = p + 1; q < end; q++) {
        if (*q == '\\' && *p != '`')
            q++;
        else if (*q == *p)
            return q + 1 - p; // a doubled quote is two quoted texts, which is as good
    }
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int migrate_split(const char **text, size_t *len, migrate_statement_t *out, err_t *err)
{
    const char *p = *text, *end = p + *len;
    const char *start = NULL, *last = NULL; // of what is neither blank nor comment
    while (p < end && !(start && *p == ';')) {
        ssize_t skip = skip_opaque(p, (size_t)(end - p));
        if (skip < 0)
            return err_set(err, ERR_INVALID, "a quote or comment is not closed: %.40s", p);
        bool comment = skip > 0 && (*p == '#' || *p == '-' || *p == '/');
        if (!comment && !is_blank(*p) && *p != ';') {
            start = start ? start : p;
            last = p + (skip ? skip : 1);
        }
        p += skip ? skip : 1;
    }
    *text = p < end ? p + 1 : end;
    *len = (size_t)(end - *text);
    if (!start)
        return 0;
    *out = (migrate_statement_t){start, (size_t)(last - start)};
    return 1;
}

// ---- files

// NNNN_name.sql
static bool parse_name(const char *name, int *number)
{
    char digits[5] = {0};
    size_t len = strlen(name);
    if (len < 10 || len >= NAME_TEXT || name[4] != '_' || !str_eq(name + len - 4, ".sql"))
        return false;
    memcpy(digits, name, 4);
    int64_t value;
    if (str_int(digits, 1, 9999, &value, NULL) < 0)
        return false;
    *number = (int)value;
    return true;
}

static migration_t *find(plan_t *plan, int number)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->items[i].number == number)
            return &plan->items[i];
    return NULL;
}

static migration_t *add(plan_t *plan, int number, const char *name, err_t *err)
{
    if (plan->count == FILES_MAX) {
        err_set(err, ERR_LIMIT, "more than %d migrations", FILES_MAX);
        return NULL;
    }
    migration_t *m = &plan->items[plan->count++];
    *m = (migration_t){.number = number};
    str_copy(m->name, sizeof m->name, name);
    return m;
}

static int read_file(const char *dir, const char *name, buf_t *out, err_t *err)
{
    cleanup_buf buf_t path = BUF_INIT(4096);
    buf_addf(&path, "%s/%s", dir, name);
    cleanup_fclose FILE *f = fopen(buf_str(&path), "re");
    if (!f)
        return err_errno(err, "cannot open %s", buf_str(&path));
    char chunk[16 * 1024];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(out, chunk, n);
    if (ferror(f))
        return err_errno(err, "cannot read %s", buf_str(&path));
    if (buf_failed(out))
        return err_set(err, ERR_LIMIT, "%s is too long", buf_str(&path));
    return 0;
}

static int add_file(plan_t *plan, const char *name, err_t *err)
{
    int number;
    if (!parse_name(name, &number))
        return err_set(err, ERR_INVALID, "%s is not named like 0001_name.sql", name);
    migration_t *m = find(plan, number);
    if (m && m->there)
        return err_set(err, ERR_INVALID, "%s and %s have the same number", m->name, name);
    if (m && !str_eq(m->name, name))
        return err_set(err, ERR_INVALID, "%s was applied under the name %s", name, m->name);
    if (!m && !(m = add(plan, number, name, err)))
        return -1;
    m->there = true;
    return 0;
}

static int add_files(plan_t *plan, const char *dir, err_t *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_errno(err, "cannot open %s", dir);
    int rc = 0, files = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
        size_t len = strlen(entry->d_name);
        if (len < 4 || entry->d_name[0] == '.' || !str_eq(entry->d_name + len - 4, ".sql"))
            continue;
        rc = add_file(plan, entry->d_name, err);
        files++;
    }
    closedir(d);
    if (rc == 0 && !files)
        return err_set(err, ERR_INVALID, "there are no migrations in %s", dir);
    return rc;
}

// ---- records

static int add_records(plan_t *plan, db_t *db, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT number, name, sha256, statements, finished_at FROM schema_migrations",
                 DB_NO_PARAMS, err);
    if (!rows)
        return -1;
    int rc;
    while ((rc = db_next(rows, err)) > 0) {
        size_t len;
        migration_t *m = add(plan, (int)db_get_int(rows, 0), db_get_text(rows, 1, NULL), err);
        if (!m)
            return -1;
        const char *sha256 = db_get_text(rows, 2, &len);
        if (len == sizeof m->sha256)
            memcpy(m->sha256, sha256, len);
        m->known = true;
        m->statements = db_get_int(rows, 3);
        m->finished = !db_is_null(rows, 4);
    }
    return rc;
}

static int by_number(const void *a, const void *b)
{
    const migration_t *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int check_order(const plan_t *plan, err_t *err)
{
    const migration_t *pending = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        const migration_t *m = &plan->items[i];
        if (!m->there)
            return err_set(err, ERR_INVALID,
                           "%s was applied to this database, but there is no such file: is this an "
                           "older version of the program?",
                           m->name);
        if (m->known && pending)
            return err_set(err, ERR_INVALID, "%s is new, but %s, which comes after it, was applied",
                           pending->name, m->name);
        if (!m->finished)
            pending = m;
    }
    return 0;
}

// ---- applying

static int save(db_t *db, const migration_t *m, err_t *err)
{
    return db_exec(db,
                   "REPLACE INTO schema_migrations (number, name, sha256, statements, finished_at) "
                   "VALUES (?, ?, ?, ?, ?)",
                   DB_PARAMS(db_int(m->number), db_text(m->name),
                             db_blob(m->sha256, sizeof m->sha256), db_int(m->statements),
                             m->finished ? db_int(clock_wall_us()) : db_null()),
                   NULL, err);
}

static int run_statements(db_t *db, migration_t *m, const char *text, size_t len, err_t *err)
{
    migrate_statement_t statement;
    int rc;
    for (int64_t n = 0; (rc = migrate_split(&text, &len, &statement, err)) > 0; n++) {
        if (n < m->statements)
            continue;
        if (db_run(db, statement.text, statement.len, err) < 0)
            return err_wrap(err, "statement %lld", (long long)(n + 1));
        m->statements = n + 1;
        if (save(db, m, err) < 0)
            return -1;
    }
    return rc;
}

// 1: applied, 0: nothing to do.
static int apply(db_t *db, migration_t *m, const char *dir, FILE *report, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(FILE_BYTES_MAX);
    if (read_file(dir, m->name, &text, err) < 0)
        return -1;
    uint8_t sha256[CRYPTO_HASH];
    crypto_sha256(buf_str(&text), text.len, sha256);
    if (m->finished) {
        if (!crypto_equal(sha256, m->sha256, sizeof sha256))
            return err_set(err, ERR_INVALID,
                           "%s has changed since it was applied: put it back and write a new file",
                           m->name);
        return 0;
    }
    memcpy(m->sha256, sha256, sizeof sha256);
    if (run_statements(db, m, buf_str(&text), text.len, err) < 0)
        return err_wrap(err, "%s", m->name);
    m->finished = true;
    if (save(db, m, err) < 0)
        return -1;
    if (report)
        fprintf(report, "applied %s\n", m->name);
    return 1;
}

static int run_locked(db_t *db, const char *dir, FILE *report, err_t *err)
{
    cleanup_free migration_t *items = calloc(FILES_MAX, sizeof *items);
    plan_t plan = {.items = items};
    if (!items)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (db_run(db, CREATE_TABLE, strlen(CREATE_TABLE), err) < 0 ||
        add_records(&plan, db, err) < 0 || add_files(&plan, dir, err) < 0)
        return -1;
    qsort(plan.items, plan.count, sizeof *plan.items, by_number);
    if (check_order(&plan, err) < 0)
        return -1;
    int applied = 0;
    for (size_t i = 0; i < plan.count; i++) {
        int rc = apply(db, &plan.items[i], dir, report, err);
        if (rc < 0)
            return -1;
        applied += rc;
    }
    return applied;
}

int migrate_run(db_t *db, const char *dir, FILE *report, err_t *err)
{
    static const char lock[] = "cloche_migrate";
    int mine = db_lock(db, lock, 60, err);
    if (mine < 0)
        return -1;
    if (!mine)
        return err_set(err, ERR_TIMEOUT, "another migration of this database is running");
    int rc = run_locked(db, dir, report, err);
    db_unlock(db, lock);
    return rc;
}
