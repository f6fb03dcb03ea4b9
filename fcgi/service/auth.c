#include "service/auth.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/crypto.h"
#include "model/token.h"

// To keep `last used` costs a write, and so is done at most this often.
static const int64_t TOUCH_US = 60 * 1000000LL;

static int refuse(err_t *err)
{
    return err_set(err, ERR_UNAUTHORIZED,
                   "sign in, or send a valid token: Authorization: Bearer cl_…");
}

// The token in "Bearer <token>", NULL if there is none.
static const char *bearer(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || !str_istarts(authorization, scheme))
        return NULL;
    const char *token = authorization + strlen(scheme);
    token += strspn(token, " ");
    return crypto_is_token(token) ? token : NULL;
}

typedef int touch_t(db_t *db, const char *id, int64_t now_us, err_t *err);

// A login that cannot be noted is a login still.
static void touch(db_t *db, touch_t *write, const char *id, const access_t *access, int64_t now_us)
{
    err_t err;
    if (now_us - access->last_used_us >= TOUCH_US && write(db, id, now_us, &err) < 0)
        log_fail(LOG_WARN, "cannot note when a login was used", &err, NULL);
}

// What the model says about a login that is none is not for the caller.
static int found(int result, const err_t *why, err_t *err)
{
    if (result == 0)
        return 0;
    if (why->code == ERR_UNAUTHORIZED)
        return refuse(err);
    if (err)
        *err = *why;
    return -1;
}

int auth_bearer(db_pool_t *pool, const char *authorization, access_t *out, err_t *err)
{
    const char *token = bearer(authorization);
    if (!token)
        return refuse(err);
    uint8_t hash[CRYPTO_HASH];
    crypto_sha256(token, strlen(token), hash);
    cleanup_db db_t *db = db_get(pool, err);
    if (!db)
        return -1;
    err_t why;
    int64_t now_us = clock_wall_us();
    int result = token_access(db, hash, now_us, out, &why);
    if (result == 0)
        touch(db, token_touch, out->token_id, out, now_us);
    return found(result, &why, err);
}

session_clock_t auth_session_clock(const config_t *config)
{
    return (session_clock_t){
        .now_us = clock_wall_us(),
        .idle_us = config->session_idle_hours * 3600 * 1000000,
    };
}

int auth_session(db_pool_t *pool, const config_t *config, const char *secret, access_t *out,
                 err_t *err)
{
    if (!secret || !crypto_is_secret(secret))
        return refuse(err);
    uint8_t hash[CRYPTO_HASH];
    crypto_sha256(secret, strlen(secret), hash);
    cleanup_db db_t *db = db_get(pool, err);
    if (!db)
        return -1;
    err_t why;
    session_clock_t at = auth_session_clock(config);
    int result = session_access(db, hash, &at, out, &why);
    if (result == 0)
        touch(db, session_touch, out->session_id, out, at.now_us);
    return found(result, &why, err);
}

int auth_require(const access_t *access, scope_t scope, err_t *err)
{
    if (access_may(access, scope))
        return 0;
    return err_set(err, ERR_FORBIDDEN, "this needs the scope %s", scope_name(scope));
}

int auth_require_person(const access_t *access, err_t *err)
{
    if (!access->session_id[0])
        return err_set(err, ERR_FORBIDDEN,
                       "this needs a session: a token does not manage accounts");
    if (access->scopes != role_scopes(access->role))
        return err_set(
            err, ERR_FORBIDDEN,
            "this session was opened with a token that has not all scopes of its account");
    return 0;
}
