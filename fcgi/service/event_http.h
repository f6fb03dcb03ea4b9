// The pieces that service/event.c and its event mode `http` share.
#ifndef CLOCHE_SERVICE_EVENT_HTTP_H
#define CLOCHE_SERVICE_EVENT_HTTP_H

#include <stdbool.h>

#include "base/buf.h"
#include "core/route.h"
#include "http/request.h"
#include "model/function.h"

// Whether a cookie or header is Cloche's own business and not the function's.
bool event_hides_cookie(const pair_t *cookie);
bool event_hides_header(const pair_t *header);

// {"name": "value"}: of repeated names the values joined by commas; `cookie` only if asked for.
void event_put_headers(buf_t *out, const request_t *request, bool with_cookie);
void event_put_params(buf_t *out, const char *key, const route_params_t *params);

// Appends AWS Lambda's HTTP payload, format 2.0.
void event_put_payload(buf_t *out, const function_t *f, const request_t *request,
                       const char *method, const route_params_t *params);

#endif
