#include "service/tries.h"

#include "base/clock.h"
#include "model/attempt.h"

static throttle_t throttle_of(const accounts_t *a, attempt_kind_t kind)
{
    const config_t *c = a->config;
    return (throttle_t){
        .tries = kind == ATTEMPT_ADDRESS ? c->login_tries_address : c->login_tries,
        .interval_us = c->login_interval_s * 1000000,
    };
}

static int take(const accounts_t *a, db_t *db, attempt_kind_t kind, const char *text,
                int64_t *wait_us, err_t *err)
{
    const throttle_t throttle = throttle_of(a, kind);
    return attempt_take(db, kind, text, &throttle, clock_wall_us(), wait_us, err);
}

int tries_take(const accounts_t *a, const account_call_t *call, const char *username, err_t *err)
{
    int64_t wait_us = 0;
    cleanup_db db_t *db = db_get(a->pool, err);
    if (!db || db_begin(db, err) < 0 ||
        take(a, db, ATTEMPT_ADDRESS, call->who->address, &wait_us, err) < 0)
        return -1;
    if (!wait_us && username && take(a, db, ATTEMPT_ACCOUNT, username, &wait_us, err) < 0)
        return -1;
    if (!wait_us)
        return db_commit(db, err);
    *call->retry_after_s = (int)((wait_us + 999999) / 1000000);
    return err_set(err, ERR_TOO_MANY, "too many failed logins; the next try is in %d s",
                   *call->retry_after_s);
}

int tries_give_back(const accounts_t *a, db_t *db, const account_call_t *call, const char *username,
                    err_t *err)
{
    const throttle_t throttle = throttle_of(a, ATTEMPT_ADDRESS);
    if (attempt_give(db, ATTEMPT_ADDRESS, call->who->address, &throttle, err) < 0)
        return -1;
    return username ? attempt_forget(db, ATTEMPT_ACCOUNT, username, err) : 0;
}

int tries_tidy(db_t *db, err_t *err)
{
    return attempt_tidy(db, clock_wall_us(), err);
}
