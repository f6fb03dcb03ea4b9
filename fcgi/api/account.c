// Signing in and out, and one's own account: password and sessions.
#include "api/account.h"

#include "api/handlers.h"
#include "api/login.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "service/account_fields.h"
#include "service/auth.h"

enum { ANSWER_MAX = 256 * 1024 };

account_call_t account_call(api_call_t *call)
{
    const buf_t *body = &call->request->body;
    return (account_call_t){
        .who = &call->access,
        .user_agent = request_header(call->request, "user-agent"),
        .body = buf_str(body),
        .len = body->len,
        .errors = &call->errors,
        .retry_after_s = &call->retry_after_s,
    };
}

void account_put_user(buf_t *out, const char *key, const user_t *user)
{
    json_begin(out, key, '{');
    json_add_text(out, "id", user->id);
    json_add_text(out, "username", user->username);
    json_add_text(out, "role", role_name(user->role));
    json_add_bool(out, "disabled", user->disabled);
    json_add_bool(out, "has_password", user->password_hash[0]);
    json_add_time(out, "created_at", user->created_us);
}

void account_put_time(buf_t *out, const char *key, int64_t wall_us)
{
    if (wall_us)
        json_add_time(out, key, wall_us);
    else
        json_add_null(out, key);
}

void account_put_scopes(buf_t *out, uint32_t scopes)
{
    json_begin(out, "scopes", '[');
#define X(name, bit, text) \
    if (scopes & name)     \
        json_add_text(out, NULL, text);
    SCOPES(X)
#undef X
    json_end(out, ']');
}

// ---- in and out

int api_auth(api_call_t *call, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_add_text(&json, "registration", call->api->config->registration);
    json_add_bool(&json, "signed_in", call->signed_in);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

static int answer_session(api_call_t *call, int status, const opened_session_t *opened, err_t *err)
{
    login_set_cookie(call, opened->secret, call->api->config->session_hours * 3600);
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    account_put_user(&json, "user", &opened->user);
    json_end(&json, '}');
    json_add_time(&json, "expires_at", opened->expires_us);
    json_end(&json, '}');
    return api_answer(call, status, &json, err);
}

int api_register(api_call_t *call, err_t *err)
{
    opened_session_t opened;
    const account_call_t what = account_call(call);
    if (accounts_register(&call->api->accounts, &what, &opened, err) < 0)
        return -1;
    return answer_session(call, 201, &opened, err);
}

int api_login(api_call_t *call, err_t *err)
{
    opened_session_t opened;
    const account_call_t what = account_call(call);
    if (accounts_login(&call->api->accounts, &what, &opened, err) < 0)
        return -1;
    return answer_session(call, 200, &opened, err);
}

// Without a session there is nothing to end, and the cookie goes all the same.
int api_logout(api_call_t *call, err_t *err)
{
    if (call->access.session_id[0] &&
        accounts_logout(&call->api->accounts, &call->access, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    login_drop_cookie(call);
    call->response->status = 204;
    return 0;
}

// ---- oneself

static void put_id(buf_t *out, const char *key, const char *id)
{
    json_add_text(out, key, id[0] ? id : NULL);
}

int api_me(api_call_t *call, err_t *err)
{
    user_t user;
    const access_t *access = &call->access;
    {
        cleanup_db db_t *db = db_get(call->api->pool, err);
        if (!db || user_get(db, access->user_id, &user, err) < 0)
            return -1;
    }
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    account_put_user(&json, "user", &user);
    json_end(&json, '}');
    account_put_scopes(&json, access->scopes);
    put_id(&json, "session_id", access->session_id);
    put_id(&json, "token_id", access->token_id);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_me_password(api_call_t *call, err_t *err)
{
    const account_call_t what = account_call(call);
    if (accounts_change_password(&call->api->accounts, &what, err) < 0)
        return -1;
    call->response->status = 204;
    return 0;
}

// ---- sessions

static void put_session(buf_t *out, const session_t *session, const access_t *access)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "id", session->id);
    json_add_bool(out, "current", str_eq(session->id, access->session_id));
    put_id(out, "token_id", session->token_id);
    json_add_text(out, "address", session->address);
    json_add_text(out, "user_agent", session->user_agent);
    json_add_time(out, "created_at", session->created_us);
    json_add_time(out, "last_used_at", session->last_used_us);
    json_add_time(out, "expires_at", session->expires_us);
    json_end(out, '}');
}

int api_sessions_list(api_call_t *call, err_t *err)
{
    static const char *const names[] = {NULL};
    session_t sessions[SESSIONS_MAX];
    const session_clock_t at = auth_session_clock(call->api->config);
    if (api_query_done(call, names, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(call->api->pool, err);
    int count = db ? session_list(db, &call->access, &at, sessions, err) : -1;
    if (count < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (int i = 0; i < count; i++)
        put_session(&json, &sessions[i], &call->access);
    json_end(&json, ']');
    json_add_null(&json, "next");
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_session_delete(api_call_t *call, err_t *err)
{
    const char *id = call->params[0];
    if (accounts_end_session(&call->api->accounts, &call->access, id, err) < 0)
        return -1;
    if (str_eq(id, call->access.session_id))
        login_drop_cookie(call);
    call->response->status = 204;
    return 0;
}
