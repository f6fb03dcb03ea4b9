// HTTP to the Docker daemon over its unix socket, with bounds on time and size.
#ifndef CLOCHE_ENGINE_DOCKER_HTTP_H
#define CLOCHE_ENGINE_DOCKER_HTTP_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"

enum { DOCKER_API_MINOR = 41 }; // 1.41 is that of Docker 20.10, the oldest we meet

typedef struct docker_http docker_http_t;

int docker_http_open(const char *socket, docker_http_t **out, err_t *err) MUSTCHECK;
void docker_http_close(docker_http_t *h);
// Later calls are made in version 1.minor of the API, which is that of DOCKER_API_MINOR at first.
void docker_http_speak(docker_http_t *h, int minor);
// Makes calls under way and later ones fail within about a second.
void docker_http_interrupt(docker_http_t *h);

typedef struct {
    const char *method;
    const char *path; // below the version: "/containers/json?all=1"
    const char *body; // JSON, or NULL
    int timeout_ms;
    bool unversioned; // whatever version the engine speaks
} docker_call_t;

// Makes one call; several threads may at once. Returns the HTTP status, below 400, or -1. *answer, where
// it is not NULL, receives the parsed JSON (NULL if there was none), to be freed with cJSON_Delete.
// Failures: ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_NOT_FOUND (404), ERR_STALE (409), ERR_INTERNAL.
int docker_http_call(docker_http_t *h, const docker_call_t *call, cJSON **answer,
                     err_t *err) MUSTCHECK;

#endif
