// The API's route table.
#ifndef CLOCHE_API_ROUTES_H
#define CLOCHE_API_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "api/handlers.h"

// Who may call. Anything above is a scope_t that the login must have.
enum {
    WHO_ANYONE = 0,
    WHO_STRANGER = 1 << 15, // anyone; a login that is sent is not looked at
    WHO_LOGIN = 1 << 16,    // any login
    WHO_PERSON = 1 << 17,   // a session that may act for its whole account
};

typedef struct {
    const char *method;
    const char *path; // {name} matches one segment, two at most
    uint32_t who;
    size_t body_max; // bytes; 0: takes no body
    api_handler_t *handler;
    const char *operation; // operationId in the OpenAPI file
} api_route_t;

extern const api_route_t api_routes[];
extern const size_t api_route_count;

// Finds the route and what its {…} match (borrowed from `segments`). ERR_NOT_FOUND for an unknown path;
// ERR_METHOD with `allow` filled ("GET, POST") when the path is known for other methods. HEAD is served
// as GET.
enum { ALLOW_TEXT = 64 };
int api_route_find(const char *method, const char *const *segments, size_t count,
                   const api_route_t **route, const char *params[2], char allow[ALLOW_TEXT],
                   err_t *err) MUSTCHECK;

#endif
