#include "api/routes.h"

#include <string.h>

#include "base/str.h"
#include "core/frame.h"

enum {
    ACCOUNT_BODY_MAX = 16 * 1024,
    REPLAY_MAX = 4 * 1024,
    EXECUTE_MAX = FRAME_REQUEST_MAX + 128 * 1024, // the input, args and names around them
    ROLLBACK_MAX = 64 * 1024,
};

// One row per operation: method, path, who may, most bytes of body, handler, operation id.
const api_route_t api_routes[] = {
    // clang-format off
    {"GET",    "/api/auth",                       WHO_ANYONE,            0,                 api_auth,                 "getAuth"},
    {"POST",   "/api/auth/register",              WHO_STRANGER,          ACCOUNT_BODY_MAX,  api_register,             "register"},
    {"POST",   "/api/auth/login",                 WHO_STRANGER,          ACCOUNT_BODY_MAX,  api_login,                "login"},
    {"POST",   "/api/auth/logout",                WHO_ANYONE,            0,                 api_logout,               "logout"},
    {"GET",    "/api/me",                         WHO_LOGIN,             0,                 api_me,                   "getMe"},
    {"PUT",    "/api/me/password",                WHO_PERSON,            ACCOUNT_BODY_MAX,  api_me_password,          "changePassword"},
    {"GET",    "/api/sessions",                   WHO_PERSON,            0,                 api_sessions_list,        "listSessions"},
    {"DELETE", "/api/sessions/{id}",              WHO_PERSON,            0,                 api_session_delete,       "deleteSession"},
    {"GET",    "/api/tokens",                     WHO_PERSON,            0,                 api_tokens_list,          "listTokens"},
    {"POST",   "/api/tokens",                     WHO_PERSON,            ACCOUNT_BODY_MAX,  api_tokens_create,        "createToken"},
    {"DELETE", "/api/tokens/{id}",                WHO_PERSON,            0,                 api_token_delete,         "deleteToken"},
    {"GET",    "/api/users",                      SCOPE_ADMIN,           0,                 api_users_list,           "listUsers"},
    {"POST",   "/api/users",                      SCOPE_ADMIN,           ACCOUNT_BODY_MAX,  api_users_create,         "createUser"},
    {"PATCH",  "/api/users/{id}",                 SCOPE_ADMIN,           ACCOUNT_BODY_MAX,  api_user_patch,           "patchUser"},
    {"GET",    "/api/audit",                      SCOPE_ADMIN,           0,                 api_audit_list,           "listAudit"},
    {"GET",    "/api/settings",                   SCOPE_ADMIN,           0,                 api_settings,             "listSettings"},
    {"GET",    "/api/functions",                  SCOPE_FUNCTIONS_READ,  0,                 api_functions_list,       "listFunctions"},
    {"POST",   "/api/functions",                  SCOPE_FUNCTIONS_WRITE, FUNCTION_BODY_MAX, api_functions_create,     "createFunction"},
    {"GET",    "/api/functions/{id}",             SCOPE_FUNCTIONS_READ,  0,                 api_function_get,         "getFunction"},
    {"PUT",    "/api/functions/{id}",             SCOPE_FUNCTIONS_WRITE, FUNCTION_BODY_MAX, api_function_replace,     "replaceFunction"},
    {"PATCH",  "/api/functions/{id}",             SCOPE_FUNCTIONS_WRITE, FUNCTION_BODY_MAX, api_function_patch,       "patchFunction"},
    {"DELETE", "/api/functions/{id}",             SCOPE_FUNCTIONS_WRITE, 0,                 api_function_delete,      "deleteFunction"},
    {"GET",    "/api/functions/{id}/versions",    SCOPE_FUNCTIONS_READ,  0,                 api_function_versions,    "listFunctionVersions"},
    {"GET",    "/api/functions/{id}/versions/{n}", SCOPE_FUNCTIONS_READ, 0,                 api_function_version,     "getFunctionVersion"},
    {"POST",   "/api/functions/{id}/rollback",    SCOPE_FUNCTIONS_WRITE, ROLLBACK_MAX,      api_function_rollback,    "rollbackFunction"},
    {"POST",   "/api/functions/{id}/execute",     SCOPE_INVOKE,          EXECUTE_MAX,       api_execute,              "executeFunction"},
    {"POST",   "/api/functions/{id}/compare",     SCOPE_INVOKE,          EXECUTE_MAX,       api_compare,              "compareFunction"},
    {"GET",    "/api/functions/{id}/invocations", SCOPE_METRICS_READ,    0,                 api_function_invocations, "listFunctionInvocations"},
    {"GET",    "/api/invocations",                SCOPE_METRICS_READ,    0,                 api_invocations_list,     "listInvocations"},
    {"GET",    "/api/invocations/{id}",           SCOPE_METRICS_READ,    0,                 api_invocation_get,       "getInvocation"},
    {"GET",    "/api/metrics/system",             SCOPE_METRICS_READ,    0,                 api_metrics_system,       "getSystemMetrics"},
    {"GET",    "/api/metrics/functions/{id}",     SCOPE_METRICS_READ,    0,                 api_metrics_function,     "getFunctionMetrics"},
    {"GET",    "/api/metrics/summary",            SCOPE_METRICS_READ,    0,                 api_metrics_summary,      "getMetricsSummary"},
    {"GET",    "/api/metrics/compare",            SCOPE_METRICS_READ,    0,                 api_metrics_compare,      "getMetricsComparison"},
    {"POST",   "/api/invocations/{id}/replay",    SCOPE_INVOKE,          REPLAY_MAX,        api_replay,               "replayInvocation"},
    {"GET",    "/metrics",                        SCOPE_METRICS_READ,    0,                 api_prometheus,           "getPrometheusMetrics"},
    {"GET",    "/api/examples",                   WHO_LOGIN,             0,                 api_examples,             "listExamples"},
    {"GET",    "/api/openapi.json",               WHO_ANYONE,            0,                 api_openapi,              "getOpenApi"},
    {"GET",    "/api/health",                     WHO_ANYONE,            0,                 api_health,               "getHealth"},
    // clang-format on
};

const size_t api_route_count = sizeof api_routes / sizeof api_routes[0];

// Whether the pattern matches all segments.
static bool matches(const char *pattern, const char *const *segments, size_t count,
                    const char *params[2])
{
    size_t taken = 0, i = 0;
    for (const char *p = pattern + 1;; i++) {
        size_t len = strcspn(p, "/");
        if (i == count)
            return false;
        if (p[0] == '{' && segments[i][0])
            params[taken++] = segments[i];
        else if (strlen(segments[i]) != len || memcmp(segments[i], p, len) != 0)
            return false;
        if (!p[len])
            return i + 1 == count;
        p += len + 1;
    }
}

static void add_allowed(char allow[ALLOW_TEXT], const char *method)
{
    size_t used = strlen(allow);
    const char *head = str_eq(method, "GET") ? ", HEAD" : "";
    snprintf(allow + used, ALLOW_TEXT - used, "%s%s%s", used ? ", " : "", method, head);
}

int api_route_find(const char *method, const char *const *segments, size_t count,
                   const api_route_t **route, const char *params[2], char allow[ALLOW_TEXT],
                   err_t *err)
{
    if (str_eq(method, "HEAD"))
        method = "GET";
    allow[0] = '\0';
    for (size_t i = 0; i < api_route_count; i++) {
        const char *found[2] = {"", ""};
        if (!matches(api_routes[i].path, segments, count, found))
            continue;
        if (str_eq(api_routes[i].method, method)) {
            *route = &api_routes[i];
            memcpy(params, found, sizeof found);
            return 0;
        }
        add_allowed(allow, api_routes[i].method);
    }
    if (allow[0])
        return err_set(err, ERR_METHOD, "allowed here: %s", allow);
    return err_set(err, ERR_NOT_FOUND, "no such path");
}
