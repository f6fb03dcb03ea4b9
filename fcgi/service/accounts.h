// Accounts: signing in and out, passwords, users and tokens. What changes something leaves a line in the audit
// trail, in the same transaction.
#ifndef CLOCHE_SERVICE_ACCOUNTS_H
#define CLOCHE_SERVICE_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/crypto.h"
#include "core/json.h"
#include "db/db.h"
#include "model/access.h"
#include "model/session.h"
#include "model/token.h"
#include "model/user.h"
#include "service/passwords.h"

typedef struct {
    db_pool_t *pool;
    const config_t *config;
    passwords_t *passwords;
} accounts_t;

// A request about accounts.
typedef struct {
    const access_t *who; // with address and request id, also where nobody is signed in
    const char *user_agent;
    const char *body;
    size_t len;
    field_errors_t *errors; // filled with ERR_INVALID
    int *retry_after_s;     // filled with ERR_TOO_MANY
} account_call_t;

// A session that was opened, and the secret of its cookie.
typedef struct {
    user_t user;
    char secret[CRYPTO_SECRET];
    int64_t expires_us;
} opened_session_t;

// Makes an account and signs it in. ERR_FORBIDDEN where registration is closed, ERR_NAME_TAKEN.
int accounts_register(const accounts_t *a, const account_call_t *call, opened_session_t *out,
                      err_t *err) MUSTCHECK;
// Signs in with name and password or with a token. ERR_UNAUTHORIZED does not tell, in words or time, a name
// that is not there from a wrong password. ERR_TOO_MANY after too many failures.
int accounts_login(const accounts_t *a, const account_call_t *call, opened_session_t *out,
                   err_t *err) MUSTCHECK;
// Ends the session of `who`.
int accounts_logout(const accounts_t *a, const access_t *who, err_t *err) MUSTCHECK;
// Ends one of one's own sessions. ERR_NOT_FOUND
int accounts_end_session(const accounts_t *a, const access_t *who, const char *id,
                         err_t *err) MUSTCHECK;

// Changes one's own password, which ends one's other sessions.
int accounts_change_password(const accounts_t *a, const account_call_t *call, err_t *err) MUSTCHECK;

// For admins; the caller has checked that. To disable a user or give him another password ends his sessions.
int accounts_create_user(const accounts_t *a, const account_call_t *call, user_t *out,
                         err_t *err) MUSTCHECK;
int accounts_change_user(const accounts_t *a, const account_call_t *call, const char *id,
                         user_t *out, err_t *err) MUSTCHECK;

// A token of one's own, whose text is told this once. ERR_FORBIDDEN for a login that is itself by token.
int accounts_create_token(const accounts_t *a, const account_call_t *call, token_t *out,
                          char text[CRYPTO_TOKEN], err_t *err) MUSTCHECK;
int accounts_delete_token(const accounts_t *a, const access_t *who, const char *id,
                          err_t *err) MUSTCHECK;

#endif
