// Headers that keep answers in their place: which of a function's reach the client, and our own.
//
// On the host that the dashboard shares, a function must not act for that host: it sets no cookies and
// no host-wide policies, and what it sends runs in a sandbox. On a host of its own, cookies and its own
// Content-Security-Policy pass.
#ifndef CLOCHE_API_POLICY_H
#define CLOCHE_API_POLICY_H

#include <stdbool.h>

#include "core/config.h"
#include "core/json.h"
#include "http/request.h"
#include "http/response.h"

// Whether the request came to the functions' own host.
bool policy_own_host(const config_t *config, const request_t *request);

// Whether a function's header of that name is passed on.
bool policy_passes(const char *name, bool own_host);

// Adds the function's headers ([["name","value"],…]) that pass, and those that keep it in its place.
void policy_headers(response_t *response, const cJSON *headers, bool own_host);

// Adds what holds for answers of our own: they are for programs, and for nobody to keep, show or frame.
void policy_own_answer(response_t *response);

#endif
