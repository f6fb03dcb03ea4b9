// Who asks: from what a request carries to an access_t.
//
// Every call asks the database, so that a revoked token, an expired session and a disabled user are refused
// on the next request, by every process. ERR_UNAUTHORIZED says nothing about why.
#ifndef CLOCHE_SERVICE_AUTH_H
#define CLOCHE_SERVICE_AUTH_H

#include "base/err.h"
#include "core/config.h"
#include "db/db.h"
#include "model/access.h"
#include "model/session.h"

// `authorization` is the header's value or NULL.
int auth_bearer(db_pool_t *pool, const char *authorization, access_t *out, err_t *err) MUSTCHECK;

// `secret` is the session cookie's value or NULL.
int auth_session(db_pool_t *pool, const config_t *config, const char *secret, access_t *out,
                 err_t *err) MUSTCHECK;

// When sessions are over, seen from now.
session_clock_t auth_session_clock(const config_t *config);

// ERR_FORBIDDEN, naming the scope, when the login lacks it.
int auth_require(const access_t *access, scope_t scope, err_t *err) MUSTCHECK;
// ERR_FORBIDDEN unless the login may act for the whole account: it is a session, and not one that a token of
// fewer scopes has opened.
int auth_require_person(const access_t *access, err_t *err) MUSTCHECK;

#endif
