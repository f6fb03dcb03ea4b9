// What a cell may use where the function does not say, and what it is made with.
#ifndef CLOCHE_KEEPER_LIMITS_H
#define CLOCHE_KEEPER_LIMITS_H

#include <stdint.h>

#include "core/lease.h"

enum {
    LIMIT_DISK_MB = 16,      // /tmp of a cell that is made for a pool
    LIMIT_CPU_LAUNCH = 1000, // thousandths of a core while the interpreter starts
    // Most, and least, that a function can ask for.
    LIMIT_MEMORY_MB = 1024,
    LIMIT_CPU_MIN = 10,
    LIMIT_CPU_MAX = 2000,
    LIMIT_DISK_MAX_MB = 256,
    LIMIT_TIMEOUT_MS = 900000,
    LIMIT_CONCURRENCY = 100000,
    LIMIT_TERM_CALLS = 1000, // that one lease may have
};

// The engine's own bound, above every limit of ours: a cell is held by the group around it, whose limit
// can be raised at the lease and whose figures stay.
#define LIMIT_MEMORY_CEILING ((LIMIT_MEMORY_MB + 128ULL) << 20)

// What a cell is made with; the function that gets it may raise it.
static inline uint64_t limit_memory_floor(language_t language, runtime_t runtime)
{
    static const uint32_t mb[LANG_COUNT][RUNTIME_COUNT] = {
#define X(constant, name, least_docker, least_gvisor, docker, gvisor) \
    [constant] = {[RUNTIME_DOCKER] = (docker), [RUNTIME_GVISOR] = (gvisor)},
        LANGUAGES(X)
#undef X
    };
    return (uint64_t)mb[language][runtime] << 20;
}

// Most processes and threads. Under gVisor the sandbox's own threads count, 42 to 64 of them.
static inline uint32_t limit_pids(runtime_t runtime)
{
    return runtime == RUNTIME_GVISOR ? 256 : 64;
}

#endif
