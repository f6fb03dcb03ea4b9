#include "model/access.h"

#include <string.h>

#include "base/str.h"
#include "model/row.h"

// What a role may do, and on which rows: those of everybody, or its own.
typedef struct {
    uint32_t scopes;
    uint32_t everywhere;
} role_row_t;

static const role_row_t ROLES[ROLE_COUNT] = {
    [ROLE_VIEWER] = {SCOPE_FUNCTIONS_READ | SCOPE_METRICS_READ,
                     SCOPE_FUNCTIONS_READ | SCOPE_METRICS_READ},
    [ROLE_DEVELOPER] = {SCOPE_ALL & ~(uint32_t)SCOPE_ADMIN, 0},
    [ROLE_ADMIN] = {SCOPE_ALL, SCOPE_ALL},
};

const char *const ROLE_WORDS[] = {
    [ROLE_VIEWER] = "viewer",
    [ROLE_DEVELOPER] = "developer",
    [ROLE_ADMIN] = "admin",
    [ROLE_COUNT] = NULL,
};

static const struct {
    const char *name;
    scope_t scope;
} SCOPE_ROWS[] = {
#define X(name, bit, text) {text, name},
    SCOPES(X)
#undef X
};

enum { SCOPE_COUNT = sizeof SCOPE_ROWS / sizeof SCOPE_ROWS[0] };

const char *role_name(role_t role)
{
    return ROLE_WORDS[role];
}

uint32_t role_scopes(role_t role)
{
    return ROLES[role].scopes;
}

const char *scope_name(scope_t scope)
{
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (SCOPE_ROWS[i].scope == scope)
            return SCOPE_ROWS[i].name;
    return "";
}

int scope_parse(const char *text)
{
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (str_eq(SCOPE_ROWS[i].name, text))
            return (int)SCOPE_ROWS[i].scope;
    return -1;
}

int access_read(const db_rows_t *rows, access_t *out, err_t *err)
{
    row_t at = {.rows = rows}, *row = &at;
    *out = (access_t){0};
    row_id(row, out->user_id);
    row_text(row, out->username, sizeof out->username);
    out->role = (role_t)row_word(row, ROLE_WORDS);
    out->scopes = (uint32_t)row_int(row) & role_scopes(out->role);
    row_id(row, out->session_id);
    row_id(row, out->token_id);
    out->last_used_us = row_int(row);
    return row->bad ? err_set(err, ERR_INTERNAL, "user %s: unreadable row", out->user_id) : 0;
}

bool access_may(const access_t *access, scope_t scope)
{
    return (access->scopes & scope) == scope;
}

bool access_everywhere(const access_t *access, scope_t scope)
{
    return (ROLES[access->role].everywhere & scope) == scope;
}

bool access_owns(const access_t *access, scope_t scope, const char *owner_id)
{
    return access_may(access, scope) &&
           (access_everywhere(access, scope) || str_eq(access->user_id, owner_id));
}

void access_where_own(query_t *query, const access_t *access, const char *column)
{
    query_add(query, " AND ");
    query_add(query, column);
    query_add1(query, " = ?", db_id(access->user_id));
}

void access_where(query_t *query, const access_t *access, scope_t scope, const char *column)
{
    if (!access_may(access, scope)) {
        query_add(query, " AND 1 = 0");
        return;
    }
    if (!access_everywhere(access, scope))
        access_where_own(query, access, column);
}

void access_id(query_t *query, const access_t *access, scope_t scope, const char *table,
               const char *id)
{
    query_add(query, "(SELECT id FROM ");
    query_add(query, table);
    query_add1(query, " WHERE id = ?", db_id(id));
    access_where(query, access, scope, "owner_id");
    query_add(query, ")");
}
