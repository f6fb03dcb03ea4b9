// What the handlers of the API share: the parts of the process they work with, and the request that is
// being answered.
#ifndef CLOCHE_API_API_H
#define CLOCHE_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/config.h"
#include "core/json.h"
#include "db/db.h"
#include "http/request.h"
#include "http/response.h"
#include "model/access.h"
#include "service/accounts.h"
#include "service/functions.h"
#include "service/invoke.h"
#include "service/journal.h"
#include "service/route_cache.h"

// One per process; all borrowed, main owns them.
typedef struct {
    const config_t *config;
    db_pool_t *pool;
    functions_t functions;
    accounts_t accounts;
    invoker_t *invoker;
    journal_t *journal;
    route_cache_t *routes;
    const char *examples; // JSON document, NULL: not given
    const char *openapi;  // so, too
} api_t;

// One request on its way through a handler.
typedef struct {
    const api_t *api;
    invoker_thread_t *thread;
    request_t *request;
    response_t *response;
    bool signed_in;
    access_t access;       // who asks; with address and request id also where nobody is signed in
    const char *params[2]; // what matched the {…} of the route, in order
    field_errors_t errors; // for ERR_INVALID
    int retry_after_s;     // for ERR_TOO_MANY; 0: soon
} api_call_t;

// Answers one request, whatever it is: the handler of the gateway. `malformed` is what the request's
// parser had against it, or NULL.
void api_handle(const api_t *api, invoker_thread_t *thread, request_t *request,
                const err_t *malformed, response_t *response);

// For handlers. Each returns 0 with the response filled, or -1 and the error to answer with.

// Answers with a JSON document, moved out of `json`.
int api_answer(api_call_t *call, int status, buf_t *json, err_t *err) MUSTCHECK;

// A query parameter that is a number, a word of a list (as its index), several of its words between commas
// (as bits 1 << index) or an RFC 3339 time (as microseconds since 1970); out keeps what it holds when the
// parameter was not sent. What is wrong is added to call->errors.
void api_query_int(api_call_t *call, const char *name, int64_t min, int64_t max, int64_t *out);
void api_query_word(api_call_t *call, const char *name, const char *const *words, int *out);
void api_query_words(api_call_t *call, const char *name, const char *const *words, uint32_t *out);
void api_query_time(api_call_t *call, const char *name, int64_t *out);
// The parameter itself, where it is an id or is not sent; else NULL.
const char *api_query_id(api_call_t *call, const char *name);
// Ends the reading of the query: parameters not in `names` (ended by NULL) are refused, too.
int api_query_done(api_call_t *call, const char *const *names, err_t *err) MUSTCHECK;

#endif
