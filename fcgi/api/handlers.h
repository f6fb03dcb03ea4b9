// The handlers of api/routes.c. Each fills the response and returns 0, or returns -1 and the error that
// is to be answered.
#ifndef CLOCHE_API_HANDLERS_H
#define CLOCHE_API_HANDLERS_H

#include "api/api.h"

typedef int api_handler_t(api_call_t *call, err_t *err);

api_handler_t api_auth, api_register, api_login, api_logout, api_me, api_me_password;
api_handler_t api_sessions_list, api_session_delete;
api_handler_t api_tokens_list, api_tokens_create, api_token_delete;
api_handler_t api_users_list, api_users_create, api_user_patch;
api_handler_t api_audit_list, api_settings;
api_handler_t api_functions_list, api_functions_create, api_function_get, api_function_replace,
    api_function_patch, api_function_delete;
api_handler_t api_function_versions, api_function_version, api_function_rollback;
api_handler_t api_execute, api_compare, api_replay;
api_handler_t api_function_invocations, api_invocations_list, api_invocation_get;
api_handler_t api_metrics_system, api_metrics_function, api_metrics_summary, api_metrics_compare,
    api_prometheus;
api_handler_t api_health, api_examples, api_openapi;

// Runs the function whose route matches the path below /fn/.
api_handler_t api_fn;

#endif
