// What a function is given of an HTTP request: its event, and context.request.
//
// Cloche's own secrets are taken out first: its session cookies, and every header or cookie that holds
// an API token.
#ifndef CLOCHE_SERVICE_EVENT_H
#define CLOCHE_SERVICE_EVENT_H

#include "base/err.h"
#include "core/route.h"
#include "http/request.h"
#include "model/function.h"
#include "service/invoke.h"

typedef struct {
    event_source_t source;
    char *event;   // JSON text with EVENT_VALUE, else NULL
    char *request; // JSON object of context.request
} event_input_t;

void event_input_free(event_input_t *input);
#define cleanup_event_input __attribute__((cleanup(event_input_free)))

// Makes both from a request whose body has been read. `method` is what the function is to see.
// ERR_INVALID_JSON when the content type says JSON and the body is not; ERR_BAD_REQUEST for a broken
// form; ERR_TOO_LARGE when the event does not fit.
int event_from_request(const function_t *f, const request_t *request, const char *method,
                       const route_params_t *params, event_input_t *out, err_t *err) MUSTCHECK;

#endif
