#include "api/policy.h"

#include <string.h>

#include "base/str.h"
#include "core/json.h"

static const char sandbox[] = "sandbox allow-downloads allow-forms allow-modals allow-popups "
                              "allow-scripts";

bool policy_own_host(const config_t *config, const request_t *request)
{
    size_t len = strlen(config->function_host);
    if (!len || !str_istarts(request->host, config->function_host))
        return false;
    const char *rest = request->host + len;
    return !*rest || (*rest == ':' && rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

static bool is_in(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (str_ieq(*names, name))
            return true;
    return false;
}

bool policy_passes(const char *name, bool own_host)
{
    // Ours to say, or between two hops only.
    static const char *const never[] = {
        "status",
        "content-length",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "x-request-id",
        NULL,
    };
    // For the whole host, or its login.
    static const char *const not_shared[] = {
        "set-cookie",
        "set-cookie2",
        "content-security-policy",
        "content-security-policy-report-only",
        "x-content-type-options",
        "strict-transport-security",
        "public-key-pins",
        "expect-ct",
        "clear-site-data",
        "service-worker-allowed",
        "alt-svc",
        "nel",
        "report-to",
        "reporting-endpoints",
        "accept-ch",
        "origin-agent-cluster",
        NULL,
    };
    static const char *const never_by_function[] = {
        "strict-transport-security",
        "clear-site-data",
        "service-worker-allowed",
        NULL,
    };
    if (str_istarts(name, "x-accel-") || str_istarts(name, "x-cloche-") || is_in(never, name))
        return false;
    return !is_in(own_host ? never_by_function : not_shared, name);
}

void policy_headers(response_t *response, const cJSON *headers, bool own_host)
{
    const cJSON *pair;
    cJSON_ArrayForEach (pair, headers) {
        const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
        const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));
        if (name && value && policy_passes(name, own_host))
            response_header(response, name, value);
    }
    if (own_host)
        return;
    response_header(response, "Content-Security-Policy", sandbox);
    response_header(response, "X-Content-Type-Options", "nosniff");
}

void policy_own_answer(response_t *response)
{
    response_header(response, "Cache-Control", "no-store");
    response_header(response, "X-Content-Type-Options", "nosniff");
    response_header(response, "Content-Security-Policy",
                    "default-src 'none'; frame-ancestors 'none'");
    response_header(response, "Referrer-Policy", "no-referrer");
    response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}
