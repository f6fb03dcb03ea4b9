#include "service/accounts.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "model/audit.h"
#include "service/account_fields.h"
#include "service/tries.h"

// ---- one's own password

static int wrong_current(const account_call_t *call, const char *message, err_t *err)
{
    field_errors_add(call->errors, "current_password", "%s", message);
    return err_set(err, ERR_INVALID, "current_password: %s", message);
}

// An account that has only a token sets its first password without one.
static int check_current(const accounts_t *a, const account_call_t *call, const user_t *user,
                         const password_fields_t *fields, err_t *err)
{
    if (!user->password_hash[0])
        return 0;
    if (!fields->current_password)
        return wrong_current(call, "must be given", err);
    if (tries_take(a, call, user->username, err) < 0)
        return -1;
    int right = passwords_verify(a->passwords, user->password_hash, fields->current_password, err);
    if (right < 0)
        return -1;
    return right ? 0 : wrong_current(call, "is not the password", err);
}

// `was` is the account as the password was checked against it.
static int write_password(const accounts_t *a, const account_call_t *call, const user_t *was,
                          const char *hash, err_t *err)
{
    user_t now;
    const access_t *who = call->who;
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || user_lock(db, who->user_id, &now, err) < 0)
        return -1;
    if (!str_eq(now.password_hash, was->password_hash))
        return err_set(err, ERR_STALE, "the password was changed meanwhile");
    if (was->password_hash[0] && tries_give_back(a, db, call, was->username, err) < 0)
        return -1;
    if (user_set_password(db, who->user_id, hash, err) < 0 ||
        session_delete_others(db, who->user_id, who->session_id, err) < 0 ||
        session_drop_token(db, who->session_id, err) < 0 ||
        audit_add(db, who, AUDIT_PASSWORD, who->user_id, who->username, NULL, err) < 0)
        return -1;
    return db_commit(db, err);
}

static int read_user(const accounts_t *a, const char *id, user_t *user, err_t *err)
{
    cleanup_db db_t *db = db_get(a->pool, err);
    return db ? user_get(db, id, user, err) : -1;
}

int accounts_change_password(const accounts_t *a, const account_call_t *call, err_t *err)
{
    user_t user;
    password_fields_t fields;
    char hash[CRYPTO_PASSWORD];
    cleanup_json_input json_input_t in = {0};
    if (account_read_password(&in, call->body, call->len, &fields, err) < 0) {
        *call->errors = in.errors;
        return -1;
    }
    if (read_user(a, call->who->user_id, &user, err) < 0 ||
        check_current(a, call, &user, &fields, err) < 0 ||
        passwords_hash(a->passwords, fields.password, hash, err) < 0)
        return -1;
    return write_password(a, call, &user, hash, err);
}

// ---- users

int accounts_create_user(const accounts_t *a, const account_call_t *call, user_t *out, err_t *err)
{
    user_fields_t fields;
    cleanup_json_input json_input_t in = {0};
    if (account_read_user(&in, call->body, call->len, &fields, err) < 0) {
        *call->errors = in.errors;
        return -1;
    }
    *out = (user_t){.role = (role_t)fields.role, .created_us = clock_wall_us()};
    id_new(out->id);
    str_copy(out->username, sizeof out->username, fields.username);
    if (passwords_hash(a->passwords, fields.password, out->password_hash, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || user_insert(db, out, err) < 0 ||
        audit_add(db, call->who, AUDIT_USER_CREATE, out->id, out->username, role_name(out->role),
                  err) < 0)
        return -1;
    return db_commit(db, err);
}

static void add_word(buf_t *text, const char *word)
{
    buf_addf(text, "%s%s", text->len ? ", " : "", word);
}

// Applies what was given, and says in words what that changes.
static void apply(const user_fields_t *fields, const char *hash, user_t *user, buf_t *words)
{
    if (fields->role >= 0 && (role_t)fields->role != user->role) {
        buf_addf(words, "role %s, before %s", role_name((role_t)fields->role),
                 role_name(user->role));
        user->role = (role_t)fields->role;
    }
    if (fields->disabled >= 0 && fields->disabled != user->disabled) {
        add_word(words, fields->disabled ? "disabled" : "enabled");
        user->disabled = fields->disabled;
    }
    if (fields->password) {
        add_word(words, "password");
        str_copy(user->password_hash, sizeof user->password_hash, hash);
    }
}

static int end_sessions(db_t *db, const account_call_t *call, const user_t *user,
                        const user_fields_t *fields, err_t *err)
{
    if (!fields->password && !user->disabled)
        return 0;
    // An admin who changes his own password goes on.
    return session_delete_others(db, user->id, user->disabled ? "" : call->who->session_id, err);
}

static int write_user(const accounts_t *a, const account_call_t *call, const char *id,
                      const user_fields_t *fields, const char *hash, user_t *user, err_t *err)
{
    cleanup_buf buf_t words = BUF_INIT(AUDIT_DETAIL_TEXT);
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || user_lock_admins(db, err) < 0 ||
        user_lock(db, id, user, err) < 0)
        return -1;
    apply(fields, hash, user, &words);
    if (!words.len)
        return 0;
    if (user_update(db, user, err) < 0 || end_sessions(db, call, user, fields, err) < 0 ||
        audit_add(db, call->who, AUDIT_USER_UPDATE, user->id, user->username, buf_str(&words),
                  err) < 0)
        return -1;
    return db_commit(db, err);
}

int accounts_change_user(const accounts_t *a, const account_call_t *call, const char *id,
                         user_t *out, err_t *err)
{
    user_fields_t fields;
    char hash[CRYPTO_PASSWORD] = "";
    cleanup_json_input json_input_t in = {0};
    if (account_read_user_change(&in, call->body, call->len, &fields, err) < 0) {
        *call->errors = in.errors;
        return -1;
    }
    if (fields.password && passwords_hash(a->passwords, fields.password, hash, err) < 0)
        return -1;
    return write_user(a, call, id, &fields, hash, out, err);
}

// ---- tokens

// What the token may, in words.
static void put_scopes(buf_t *words, uint32_t scopes)
{
#define X(name, bit, text) \
    if (scopes & name)     \
        add_word(words, text);
    SCOPES(X)
#undef X
}

static int insert_token(db_t *db, const access_t *who, const token_t *token, err_t *err)
{
    user_t user; // locked, so that two who make tokens at once both count
    int count;
    cleanup_buf buf_t words = BUF_INIT(AUDIT_DETAIL_TEXT);
    put_scopes(&words, token->scopes);
    if (db_begin(db, err) < 0 || user_lock(db, who->user_id, &user, err) < 0 ||
        (count = token_count(db, who->user_id, err)) < 0)
        return -1;
    if (count >= TOKENS_MAX)
        return err_set(err, ERR_INVALID, "an account can have %d tokens", TOKENS_MAX);
    if (token_insert(db, token, err) < 0 ||
        audit_add(db, who, AUDIT_TOKEN_CREATE, token->id, token->name, buf_str(&words), err) < 0)
        return -1;
    return db_commit(db, err);
}

int accounts_create_token(const accounts_t *a, const account_call_t *call, token_t *out,
                          char text[CRYPTO_TOKEN], err_t *err)
{
    const access_t *who = call->who;
    token_fields_t fields;
    cleanup_json_input json_input_t in = {0};
    if (who->token_id[0])
        return err_set(err, ERR_FORBIDDEN, "a token cannot make tokens: sign in with a password");
    if (account_read_token(&in, call->body, call->len, who->scopes, clock_wall_us(), &fields, err) <
        0) {
        *call->errors = in.errors;
        return -1;
    }
    *out = (token_t){
        .scopes = fields.scopes,
        .expires_us = fields.expires_us,
        .created_us = clock_wall_us(),
    };
    id_new(out->id);
    str_copy(out->user_id, sizeof out->user_id, who->user_id);
    str_copy(out->name, sizeof out->name, fields.name);
    crypto_token(text);
    crypto_sha256(text, strlen(text), out->hash);
    cleanup_db db_t *db = db_get(a->pool, err);
    return db ? insert_token(db, who, out, err) : -1;
}

int accounts_delete_token(const accounts_t *a, const access_t *who, const char *id, err_t *err)
{
    char name[TOKEN_NAME_TEXT];
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 || token_delete(db, who, id, name, err) < 0 ||
        audit_add(db, who, AUDIT_TOKEN_DELETE, id, name, NULL, err) < 0)
        return -1;
    return db_commit(db, err);
}
