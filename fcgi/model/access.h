// Who asks, and what that lets them touch: the one place where user, role and scopes become the owner
// condition of a query.
#ifndef CLOCHE_MODEL_ACCESS_H
#define CLOCHE_MODEL_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ids.h"
#include "model/query.h"

typedef enum { ROLE_VIEWER, ROLE_DEVELOPER, ROLE_ADMIN, ROLE_COUNT } role_t;

// bit, name in the API
#define SCOPES(X)                                  \
    X(SCOPE_FUNCTIONS_READ, 1, "functions:read")   \
    X(SCOPE_FUNCTIONS_WRITE, 2, "functions:write") \
    X(SCOPE_INVOKE, 4, "invoke")                   \
    X(SCOPE_METRICS_READ, 8, "metrics:read")       \
    X(SCOPE_ADMIN, 16, "admin")

typedef enum {
#define X(name, bit, text) name = bit,
    SCOPES(X)
#undef X
        SCOPE_ALL = 31,
} scope_t;

enum { USERNAME_TEXT = 65, ADDRESS_TEXT = 46 };

typedef struct {
    char user_id[ID_TEXT]; // "": nobody is signed in
    char username[USERNAME_TEXT];
    role_t role;
    uint32_t scopes;          // what the role and, with a token, the token allow
    char session_id[ID_TEXT]; // "": not by a session
    char token_id
        [ID_TEXT]; // of the token that was sent, or that opened the session; "": a password did
    int64_t last_used_us; // of session or token, before this request; 0: never
    // Where the request came from, and what its answer calls it; "" where there is none.
    char address[ADDRESS_TEXT];
    char request_id[ID_TEXT];
} access_t;

extern const char *const ROLE_WORDS[];
const char *role_name(role_t role);
uint32_t role_scopes(role_t role);
const char *scope_name(scope_t scope);
int scope_parse(const char *text); // the bit, or -1

// Reads the row of a login: user's id, name and role, scopes (of which those of the role are kept), session's
// id, token's id, last used.
int access_read(const db_rows_t *rows, access_t *out, err_t *err) MUSTCHECK;

// Whether the login has the scope at all; on which rows is for access_where to say.
bool access_may(const access_t *access, scope_t scope);
// Whether the scope holds for everybody's rows, as far as the login has it.
bool access_everywhere(const access_t *access, scope_t scope);
// Whether the scope holds for a row of this owner.
bool access_owns(const access_t *access, scope_t scope, const char *owner_id);

// Adds ` AND <column> = <user>` to the query, unless the scope holds for everything; a login without
// the scope gets a condition that is never true.
void access_where(query_t *query, const access_t *access, scope_t scope, const char *column);
// Adds `(SELECT id …)`: the id of the row of `table`, if it is there and `access` may use it, else NULL. A query
// that begins with it reads of another's row no more than of one that is not there: without it the whole row,
// code and all, would be read before its owner is compared, and the time of the answer would tell the two apart.
void access_id(query_t *query, const access_t *access, scope_t scope, const char *table,
               const char *id);
// access_where for what is personal, like a session or a token: an admin, too, has only his own.
void access_where_own(query_t *query, const access_t *access, const char *column);

#endif
