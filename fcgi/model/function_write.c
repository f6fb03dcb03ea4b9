#include "base/clock.h"
#include "model/function_row.h"
#include "model/function_search.h"

static db_value_t field_value(const function_t *f, const function_field_t *field)
{
    const void *member = function_field_in(f, field);
    switch (field->kind) {
    case FIELD_CHARS:
        return db_text(member);
    case FIELD_TEXT:
    case FIELD_RAW:
        return db_text(*(char *const *)member);
    case FIELD_INT:
    case FIELD_THOUSANDTHS:
        return db_int(*(const int64_t *)member);
    case FIELD_METHODS:
        return db_int(*(const uint32_t *)member);
    case FIELD_WORD:
    case FIELD_RECORD:
        return db_text(field->words[*(const int *)member]);
    }
    return db_null();
}

// Adds ` column = ?, …` with what an insert and an update both write.
static int add_settings(query_t *q, const function_t *f, int64_t version, int64_t now, err_t *err)
{
    route_t route;
    if (route_parse(f->route, &route, err) < 0)
        return -1;
    char key[ROUTE_TEXT];
    route_key(&route, key);
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        query_add(q, " ");
        query_add(q, function_field_column(&FUNCTION_FIELDS[i]));
        query_add1(q, " = ?,", field_value(f, &FUNCTION_FIELDS[i]));
    }
    query_add2(q, " route_key = ?, route_rank = ?,", db_text(query_keep(q, key)),
               db_int(route_rank(&route)));
    query_add2(q, " version = ?, updated_at = ?", db_int(version), db_int(now));
    return 0;
}

static int taken(const db_t *db, const function_t *f, err_t *err)
{
    if (db_duplicate(db, "name"))
        return err_set(err, ERR_NAME_TAKEN, "there is a function named %s already", f->name);
    if (db_duplicate(db, "route"))
        return err_set(err, ERR_ROUTE_TAKEN, "the route %s is in use", f->route);
    return -1;
}

static void add_version_columns(query_t *q)
{
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        if (FUNCTION_FIELDS[i].live)
            continue;
        query_add(q, ", ");
        query_add(q, function_field_column(&FUNCTION_FIELDS[i]));
    }
}

// Copies the current row, just written, to the versions.
static int keep_version(db_t *db, const access_t *author, const char *id,
                        const function_changes_t *changes, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "INSERT INTO function_versions (author, changed, lines_added, lines_removed,"
                  " code_bytes, function_id, version, created_at");
    add_version_columns(&q);
    query_add1(&q, ") SELECT ?", db_text(author->username));
    query_add1(&q, ", ?", db_text(changes->fields));
    query_add2(&q, ", ?, ?", db_int(changes->lines_added), db_int(changes->lines_removed));
    query_add(&q, ", OCTET_LENGTH(code), id, version, updated_at");
    add_version_columns(&q);
    query_add1(&q, " FROM functions WHERE id = ?", db_id(id));
    return query_exec(db, &q, NULL, err);
}

int function_insert(db_t *db, const access_t *author, function_t *f,
                    const function_changes_t *changes, err_t *err)
{
    int64_t now = clock_wall_us();
    cleanup_query query_t q = QUERY_INIT;
    query_add2(&q, "INSERT INTO functions SET id = ?, owner_id = ?,", db_id(f->id),
               db_id(f->owner_id));
    if (add_settings(&q, f, 1, now, err) < 0)
        return -1;
    query_add1(&q, ", revision = 1, created_at = ?", db_int(now));
    if (query_exec(db, &q, NULL, err) < 0)
        return taken(db, f, err);
    if (function_search_keep(db, f->id, err) < 0 ||
        keep_version(db, author, f->id, changes, err) < 0)
        return -1;
    f->revision = f->version = 1;
    f->created_us = f->updated_us = now;
    return 0;
}

int function_lock(db_t *db, const access_t *access, const char *id, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT 1 FROM functions WHERE id = ");
    access_id(&q, access, SCOPE_FUNCTIONS_WRITE, "functions", id);
    query_add(&q, " FOR UPDATE");
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    int found = rows ? db_next(rows, err) : -1;
    if (found < 0)
        return -1;
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such function");
}

// Why a write that names a revision found no row.
static int stale_or_gone(db_t *db, const access_t *access, const char *id, err_t *err)
{
    if (function_lock(db, access, id, err) < 0)
        return -1;
    return err_set(err, ERR_STALE, "the function was changed meanwhile");
}

// Adds the row that a write is about: id, owner, and revision unless it is negative.
static void add_target(query_t *q, const access_t *access, const char *id, int64_t revision)
{
    query_add1(q, " WHERE id = ?", db_id(id));
    access_where(q, access, SCOPE_FUNCTIONS_WRITE, "owner_id");
    if (revision >= 0)
        query_add1(q, " AND revision = ?", db_int(revision));
}

int function_update(db_t *db, const access_t *access, function_t *f,
                    const function_changes_t *changes, err_t *err)
{
    int64_t now = clock_wall_us();
    int64_t version = f->version + (changes != NULL);
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "UPDATE functions SET");
    if (add_settings(&q, f, version, now, err) < 0)
        return -1;
    query_add(&q, ", revision = revision + 1");
    add_target(&q, access, f->id, f->revision);
    int64_t found;
    if (query_exec(db, &q, &found, err) < 0)
        return taken(db, f, err);
    if (!found)
        return stale_or_gone(db, access, f->id, err);
    if (changes && (function_search_keep(db, f->id, err) < 0 ||
                    keep_version(db, access, f->id, changes, err) < 0))
        return -1;
    f->revision++;
    f->version = version;
    f->updated_us = now;
    return 0;
}

int function_delete(db_t *db, const access_t *access, const char *id, int64_t revision, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "DELETE FROM functions");
    add_target(&q, access, id, revision);
    int64_t found;
    if (query_exec(db, &q, &found, err) < 0)
        return -1;
    return found ? 0 : stale_or_gone(db, access, id, err);
}
