#include "http/origin.h"

#include <string.h>

#include "base/str.h"

// Whether `origin` is `scheme`://`authority`, whose length is given.
static bool is_origin(const char *origin, const char *scheme, const char *authority, size_t len)
{
    size_t scheme_len = strlen(scheme);
    return len && str_istarts(origin, scheme) && str_starts(origin + scheme_len, "://") &&
           strlen(origin) == scheme_len + 3 + len &&
           strncasecmp(origin + scheme_len + 3, authority, len) == 0;
}

static bool is_public(const char *origin, const char *public_url)
{
    static const char *const schemes[] = {"https", "http"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);
        if (str_istarts(public_url, schemes[i]) && str_starts(public_url + len, "://")) {
            const char *authority = public_url + len + 3;
            return is_origin(origin, schemes[i], authority, strcspn(authority, "/?#"));
        }
    }
    return false;
}

origin_t origin_of(const request_t *request, const char *public_url)
{
    const char *site = request_header(request, "sec-fetch-site");
    if (site)
        return str_eq(site, "same-origin") || str_eq(site, "none") ? ORIGIN_SAME : ORIGIN_FOREIGN;
    const char *origin = request_header(request, "origin");
    if (!origin)
        return ORIGIN_UNKNOWN;
    return is_public(origin, public_url) ||
                   is_origin(origin, request->scheme, request->host, strlen(request->host))
               ? ORIGIN_SAME
               : ORIGIN_FOREIGN;
}
