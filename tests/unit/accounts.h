// Users of a test.
#ifndef CLOCHE_TESTS_UNIT_ACCOUNTS_H
#define CLOCHE_TESTS_UNIT_ACCOUNTS_H

#include "database.h"
#include "model/user.h"

static inline access_t make_user(db_t *db, const char *name, role_t role)
{
    user_t user = {.role = role, .created_us = clock_wall_us()};
    id_new(user.id);
    snprintf(user.username, sizeof user.username, "%s", name);
    assert_ok(user_insert(db, &user, NULL));
    access_t access = {.role = role, .scopes = role_scopes(role)};
    memcpy(access.user_id, user.id, sizeof user.id);
    memcpy(access.username, user.username, sizeof user.username);
    return access;
}

#endif
