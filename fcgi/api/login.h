// The login that a request carries: a token in its Authorization header or, in a browser, a session in a
// cookie.
//
// A cookie comes along with whatever a browser sends. So with a cookie alone, a request that another site has
// made is refused, and one that is no GET has to be known to come from a page of our own.
#ifndef CLOCHE_API_LOGIN_H
#define CLOCHE_API_LOGIN_H

#include "api/api.h"

// Fills call->access and call->signed_in. ERR_UNAUTHORIZED where there is no login or a wrong one,
// ERR_FORBIDDEN for a session's cookie from elsewhere.
int login_read(api_call_t *call, err_t *err) MUSTCHECK;
// Whether a token was sent, right or wrong.
bool login_has_token(const api_call_t *call);

// ERR_FORBIDDEN for a request that the browser says another site has made.
int login_check_origin(const api_call_t *call, err_t *err) MUSTCHECK;

// Adds the cookie of a session, or the one that ends it.
void login_set_cookie(api_call_t *call, const char *secret, int64_t seconds);
void login_drop_cookie(api_call_t *call);

#endif
