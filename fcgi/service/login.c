// Signing in: by name and password, by token, or with a new account.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "model/audit.h"
#include "service/account_fields.h"
#include "service/accounts.h"
#include "service/auth.h"
#include "service/tries.h"

// ---- the session

static void make_session(const accounts_t *a, const account_call_t *call, const char *user_id,
                         const char *token_id, session_t *session, opened_session_t *opened)
{
    const char *agent = call->user_agent ? call->user_agent : "";
    size_t len = strlen(agent);
    if (len >= sizeof session->user_agent)
        len = str_utf8_cut(agent, sizeof session->user_agent - 1);
    *session = (session_t){.created_us = clock_wall_us()};
    session->expires_us = session->created_us + a->config->session_hours * 3600 * 1000000;
    id_new(session->id);
    str_copy(session->user_id, sizeof session->user_id, user_id);
    str_copy(session->token_id, sizeof session->token_id, token_id);
    str_copy(session->address, sizeof session->address, call->who->address);
    memcpy(session->user_agent, agent, len);
    crypto_secret(opened->secret);
    crypto_sha256(opened->secret, strlen(opened->secret), session->hash);
    opened->expires_us = session->expires_us;
}

// In the audit trail it is the user who signs in.
static access_t as_user(const access_t *who, const user_t *user)
{
    access_t access = *who;
    str_copy(access.user_id, sizeof access.user_id, user->id);
    str_copy(access.username, sizeof access.username, user->username);
    return access;
}

// Opens a session of out->user, in the transaction that is open.
static int open_session(const accounts_t *a, db_t *db, const account_call_t *call,
                        const char *token_id, audit_action_t action, opened_session_t *out,
                        err_t *err)
{
    session_t session;
    const user_t *user = &out->user;
    const access_t who = as_user(call->who, user);
    const session_clock_t at = auth_session_clock(a->config);
    make_session(a, call, user->id, token_id, &session, out);
    if (session_insert(db, &session, &at, token_id[0] ? NULL : user->password_hash, err) < 0)
        return -1;
    return audit_add(db, &who, action, user->id, user->username,
                     token_id[0] ? "with a token" : "with a password", err);
}

// ---- failures and what they leave

// The line in the audit trail is worth no other answer. What was typed for a name may be a password: it is
// told only where an account could have it.
static int refuse(const accounts_t *a, const account_call_t *call, const char *username,
                  const char *user_id, err_t *err)
{
    err_t why;
    cleanup_db db_t *db = db_get(a->pool, &why);
    if (!db ||
        audit_add(db, call->who, AUDIT_LOGIN_FAILED, user_id,
                  username && account_is_username(username) ? username : "", NULL, &why) < 0 ||
        tries_tidy(db, &why) < 0)
        log_fail(LOG_WARN, "cannot note a failed login", &why, NULL);
    return err_set(err, ERR_UNAUTHORIZED,
                   username ? "the name or the password is wrong" : "the token is not valid");
}

// Who signs in pays for keeping the trail short.
static void prune_audit(const accounts_t *a, db_t *db)
{
    err_t why;
    if (audit_prune(db, clock_wall_us() - a->config->audit_days * 86400 * 1000000, &why) < 0)
        log_fail(LOG_WARN, "cannot shorten the audit trail", &why, NULL);
}

// ---- the ways in

// 1: signed in, 0: the login is wrong.
static int finish_login(const accounts_t *a, const account_call_t *call, const char *username,
                        const char *token_id, opened_session_t *out, err_t *err)
{
    err_t why;
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || tries_give_back(a, db, call, username, err) < 0)
        return -1;
    if (open_session(a, db, call, token_id, AUDIT_LOGIN, out, &why) < 0) {
        if (why.code == ERR_UNAUTHORIZED)
            return 0;
        *err = why;
        return -1;
    }
    if (db_commit(db, err) < 0)
        return -1;
    prune_audit(a, db);
    return 1;
}

// Fills *user, or leaves it empty where there is no such account.
static int look_up(const accounts_t *a, const char *username, user_t *user, err_t *err)
{
    err_t why;
    *user = (user_t){0};
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db)
        return -1;
    if (user_by_name(db, username, user, &why) == 0 || why.code == ERR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

static int login_by_password(const accounts_t *a, const account_call_t *call,
                             const login_fields_t *fields, opened_session_t *out, err_t *err)
{
    const char *name = fields->username;
    user_t *user = &out->user;
    if (tries_take(a, call, name, err) < 0 || look_up(a, name, user, err) < 0)
        return -1;
    int right = passwords_verify(a->passwords, user->password_hash, fields->password, err);
    if (right > 0)
        right = finish_login(a, call, name, "", out, err);
    if (right < 0)
        return -1;
    return right ? 0 : refuse(a, call, name, user->id, err);
}

static int find_token(const accounts_t *a, const char *token, access_t *access, user_t *user,
                      err_t *err)
{
    char header[CRYPTO_TOKEN + 8];
    if (!crypto_is_token(token))
        return err_set(err, ERR_UNAUTHORIZED, "no token at all");
    snprintf(header, sizeof header, "Bearer %s", token);
    if (auth_bearer(a->pool, header, access, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(a->pool, err);
    return db ? user_get(db, access->user_id, user, err) : -1;
}

static int login_by_token(const accounts_t *a, const account_call_t *call, const char *token,
                          opened_session_t *out, err_t *err)
{
    err_t why;
    access_t access;
    if (tries_take(a, call, NULL, err) < 0)
        return -1;
    int right = find_token(a, token, &access, &out->user, &why) == 0;
    if (!right && why.code != ERR_UNAUTHORIZED) {
        *err = why;
        return -1;
    }
    if (right)
        right = finish_login(a, call, NULL, access.token_id, out, err);
    if (right < 0)
        return -1;
    return right ? 0 : refuse(a, call, NULL, NULL, err);
}

int accounts_login(const accounts_t *a, const account_call_t *call, opened_session_t *out,
                   err_t *err)
{
    login_fields_t fields;
    cleanup_json_input json_input_t in = {0};
    if (account_read_login(&in, call->body, call->len, &fields, err) < 0) {
        *call->errors = in.errors;
        return -1;
    }
    return fields.token ? login_by_token(a, call, fields.token, out, err)
                        : login_by_password(a, call, &fields, out, err);
}

static int check_registration(const accounts_t *a, err_t *err)
{
    if (str_eq(a->config->registration, "open"))
        return 0;
    return err_set(err, ERR_FORBIDDEN, "registration is closed: an admin makes the accounts");
}

int accounts_register(const accounts_t *a, const account_call_t *call, opened_session_t *out,
                      err_t *err)
{
    credentials_t fields;
    cleanup_json_input json_input_t in = {0};
    user_t *user = &out->user;
    if (check_registration(a, err) < 0)
        return -1;
    if (account_read_register(&in, call->body, call->len, &fields, err) < 0) {
        *call->errors = in.errors;
        return -1;
    }
    *user = (user_t){.role = ROLE_DEVELOPER, .created_us = clock_wall_us()};
    id_new(user->id);
    str_copy(user->username, sizeof user->username, fields.username);
    if (tries_take(a, call, NULL, err) < 0 ||
        passwords_hash(a->passwords, fields.password, user->password_hash, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || user_insert(db, user, err) < 0 ||
        open_session(a, db, call, "", AUDIT_REGISTER, out, err) < 0)
        return -1;
    return db_commit(db, err);
}

int accounts_logout(const accounts_t *a, const access_t *who, err_t *err)
{
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || session_delete(db, who, who->session_id, err) < 0 ||
        audit_add(db, who, AUDIT_LOGOUT, who->user_id, who->username, NULL, err) < 0)
        return -1;
    return db_commit(db, err);
}

int accounts_end_session(const accounts_t *a, const access_t *who, const char *id, err_t *err)
{
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || session_delete(db, who, id, err) < 0 ||
        audit_add(db, who, AUDIT_SESSION_DELETE, id, NULL, NULL, err) < 0)
        return -1;
    return db_commit(db, err);
}
