// The body of Docker's create call: a cell's whole hardening in one place.
#ifndef CLOCHE_ENGINE_DOCKER_SPEC_H
#define CLOCHE_ENGINE_DOCKER_SPEC_H

#include "base/buf.h"
#include "engine/engine.h"

// Labels by which cells are found again. The installation is its run directory.
#define DOCKER_LABEL_CELL "cloche.cell"
#define DOCKER_LABEL_INSTALLATION "cloche.instance"
#define DOCKER_LABEL_LANGUAGE "cloche.language"
#define DOCKER_LABEL_RUNTIME "cloche.runtime"

enum { DOCKER_SPEC_MAX = 1024 * 1024 };

// Appends the JSON text; `seccomp` (a profile's JSON) may be NULL.
int docker_spec(buf_t *out, const engine_spec_t *spec, const char *installation,
                const char *seccomp) MUSTCHECK;

#endif
