// Limits that more than one part must agree on.
#ifndef CLOCHE_CORE_LIMITS_H
#define CLOCHE_CORE_LIMITS_H

#include <stdint.h>

#include "core/lease.h"

enum {
    LIMIT_TIMEOUT_MS = 900000,
    LIMIT_MEMORY_MB = 1024, // most that a function can ask for
    LIMIT_DISK_MB = 256,
    LIMIT_CONCURRENCY = 1000,
};

// The least that a function of this language can have.
static inline uint32_t limit_memory_floor_mb(language_t language, runtime_t runtime)
{
    static const uint32_t mb[LANG_COUNT][RUNTIME_COUNT] = {
#define X(constant, name, docker, gvisor, ...) \
    [constant] = {[RUNTIME_DOCKER] = (docker), [RUNTIME_GVISOR] = (gvisor)},
        LANGUAGES(X)
#undef X
    };
    return mb[language][runtime];
}

#endif
