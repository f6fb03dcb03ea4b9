// User accounts. They are disabled rather than deleted: what they own and did stays theirs.
#ifndef CLOCHE_MODEL_USER_H
#define CLOCHE_MODEL_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/crypto.h"
#include "db/db.h"
#include "model/access.h"

enum {
    USER_PASSWORD_HASH = CRYPTO_PASSWORD,
    USER_LIST_MAX = 100,
    USER_LIST_DEFAULT = 50,
};

typedef struct {
    char id[ID_TEXT];
    char username[USERNAME_TEXT];
    char password_hash[USER_PASSWORD_HASH]; // argon2id; "": signs in by token only
    role_t role;
    bool disabled;
    int64_t created_us;
    int64_t functions; // how many it owns; in lists only
} user_t;

// ERR_NAME_TAKEN when the name is in use.
int user_insert(db_t *db, const user_t *user, err_t *err) MUSTCHECK;
// ERR_NOT_FOUND
int user_by_name(db_t *db, const char *username, user_t *out, err_t *err) MUSTCHECK;
int user_get(db_t *db, const char *id, user_t *out, err_t *err) MUSTCHECK;
// The same, and keeps the row as it is until the transaction ends.
int user_lock(db_t *db, const char *id, user_t *out, err_t *err) MUSTCHECK;

int user_set_password(db_t *db, const char *id, const char *password_hash, err_t *err) MUSTCHECK;

// Locks the admins, so that of two changes that would leave none one comes second. Before user_lock: with one
// order of locks nobody waits in a circle.
int user_lock_admins(db_t *db, err_t *err) MUSTCHECK;
// Writes role, disabled and password_hash, in a transaction that has both locks. ERR_LAST_ADMIN when no admin
// would be left who is not disabled.
int user_update(db_t *db, const user_t *user, err_t *err) MUSTCHECK;

typedef struct {
    const char *q; // part of the name; NULL: any
    int role;      // -1: any
    int disabled;  // -1: any
    int limit;     // 1 to USER_LIST_MAX
    const char *cursor;
} user_filter_t;

typedef struct {
    user_t items[USER_LIST_MAX];
    size_t count;
    char next[CURSOR_TEXT]; // "": the last page
} user_page_t;

// By name. ERR_INVALID for a cursor of no list.
int user_list(db_t *db, const user_filter_t *filter, user_page_t *out, err_t *err) MUSTCHECK;

#endif
