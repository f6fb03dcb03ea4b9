// The audit trail: who changed what, when and from where.
#ifndef CLOCHE_MODEL_AUDIT_H
#define CLOCHE_MODEL_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "model/access.h"

// action, name in the API
#define AUDIT_ACTIONS(X)                            \
    X(AUDIT_REGISTER, "register")                   \
    X(AUDIT_LOGIN, "login")                         \
    X(AUDIT_LOGIN_FAILED, "login.failed")           \
    X(AUDIT_LOGOUT, "logout")                       \
    X(AUDIT_PASSWORD, "password.change")            \
    X(AUDIT_SESSION_DELETE, "session.delete")       \
    X(AUDIT_TOKEN_CREATE, "token.create")           \
    X(AUDIT_TOKEN_DELETE, "token.delete")           \
    X(AUDIT_USER_CREATE, "user.create")             \
    X(AUDIT_USER_UPDATE, "user.update")             \
    X(AUDIT_FUNCTION_CREATE, "function.create")     \
    X(AUDIT_FUNCTION_UPDATE, "function.update")     \
    X(AUDIT_FUNCTION_ROLLBACK, "function.rollback") \
    X(AUDIT_FUNCTION_DELETE, "function.delete")

typedef enum {
#define X(name, text) name,
    AUDIT_ACTIONS(X)
#undef X
        AUDIT_ACTION_COUNT,
} audit_action_t;

extern const char *const AUDIT_WORDS[]; // ended by NULL

enum {
    AUDIT_NAME_TEXT = 65,
    AUDIT_DETAIL_TEXT = 256,
    AUDIT_LIST_MAX = 100,
    AUDIT_LIST_DEFAULT = 50,
};

// Adds a line, in the transaction of what it tells, where there is one: by whom, from where and for which
// request is in `who`. `target_id` may be "", the texts may be NULL; what of `detail` is too long is cut.
int audit_add(db_t *db, const access_t *who, audit_action_t action, const char *target_id,
              const char *target_name, const char *detail, err_t *err) MUSTCHECK;

typedef struct {
    char id[ID_TEXT];
    char user_id[ID_TEXT]; // "": nobody was signed in
    char username[USERNAME_TEXT];
    audit_action_t action;
    char target_id[ID_TEXT]; // or ""
    char target_name[AUDIT_NAME_TEXT];
    char detail[AUDIT_DETAIL_TEXT];
    char address[ADDRESS_TEXT];
    char request_id[ID_TEXT];
} audit_line_t;

typedef struct {
    const char *user_id;   // NULL: any
    const char *target_id; // NULL: any
    int action;            // -1: any
    int limit;             // 1 to AUDIT_LIST_MAX
    const char *cursor;
} audit_filter_t;

typedef struct {
    audit_line_t items[AUDIT_LIST_MAX];
    size_t count;
    char next[CURSOR_TEXT]; // "": the last page
} audit_page_t;

// Newest first. ERR_INVALID for a cursor of no list.
int audit_list(db_t *db, const audit_filter_t *filter, audit_page_t *out, err_t *err) MUSTCHECK;

// Deletes some of the lines from before `oldest_us`. Outside of a transaction.
int audit_prune(db_t *db, int64_t oldest_us, err_t *err) MUSTCHECK;

#endif
