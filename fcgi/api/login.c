#include "api/login.h"

#include <stdio.h>

#include "base/str.h"
#include "http/origin.h"
#include "service/auth.h"

enum { COOKIE_TEXT = 256 };

static bool is_https(const api_call_t *call)
{
    return str_istarts(call->api->config->public_url, "https://");
}

// The prefix makes a browser refuse it from anywhere but this very host, over TLS.
static const char *cookie_name(const api_call_t *call)
{
    return is_https(call) ? "__Host-cloche" : "cloche_session";
}

// NULL where there is none. Of two with the name one was planted; which, nobody knows.
static const char *session_cookie(const api_call_t *call)
{
    const pairs_t *cookies = &call->request->cookies;
    const char *found = NULL;
    for (size_t i = 0; i < cookies->count; i++) {
        if (!str_eq(cookies->items[i].name, cookie_name(call)))
            continue;
        if (found)
            return NULL;
        found = cookies->items[i].value;
    }
    return found;
}

static bool is_read(const request_t *request)
{
    return str_eq(request->method, "GET") || str_eq(request->method, "HEAD");
}

static int elsewhere(err_t *err)
{
    return err_set(err, ERR_FORBIDDEN,
                   "with a session's cookie this has to come from a page of this site");
}

int login_check_origin(const api_call_t *call, err_t *err)
{
    return origin_of(call->request, call->api->config->public_url) == ORIGIN_FOREIGN
               ? elsewhere(err)
               : 0;
}

static int read_session(api_call_t *call, err_t *err)
{
    const api_t *api = call->api;
    if (auth_session(api->pool, api->config, session_cookie(call), &call->access, err) < 0)
        return -1;
    origin_t origin = origin_of(call->request, api->config->public_url);
    if (origin == ORIGIN_FOREIGN || (origin == ORIGIN_UNKNOWN && !is_read(call->request)))
        return elsewhere(err);
    return 0;
}

bool login_has_token(const api_call_t *call)
{
    return request_header(call->request, "authorization");
}

int login_read(api_call_t *call, err_t *err)
{
    const request_t *request = call->request;
    int result = login_has_token(call)
                     ? auth_bearer(call->api->pool, request_header(request, "authorization"),
                                   &call->access, err)
                     : read_session(call, err);
    call->signed_in = result == 0;
    if (!call->signed_in)
        call->access = (access_t){0};
    return result;
}

static void add_cookie(api_call_t *call, const char *value, int64_t seconds)
{
    char text[COOKIE_TEXT];
    snprintf(text, sizeof text, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
             cookie_name(call), value, (long long)seconds, is_https(call) ? "; Secure" : "");
    response_header(call->response, "Set-Cookie", text);
}

void login_set_cookie(api_call_t *call, const char *secret, int64_t seconds)
{
    add_cookie(call, secret, seconds);
}

void login_drop_cookie(api_call_t *call)
{
    add_cookie(call, "", 0);
}
