// What stands behind engine.h: each engine's own functions. For this layer only.
#ifndef CLOCHE_ENGINE_ENGINE_IMPL_H
#define CLOCHE_ENGINE_ENGINE_IMPL_H

#include "engine/engine.h"

// What both engines give every cell alike.
enum {
    CELL_OPEN_FILES = 1024,
    CELL_INODES_PER_MB = 256, // in /tmp
    CELL_OOM_SCORE = 500,     // when the machine itself runs out, cells go before anything of ours
};

// As the functions of engine.h that have these names.
typedef struct {
    int (*ping)(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err);
    int (*create)(engine_t *e, const engine_spec_t *spec, err_t *err);
    int (*start)(engine_t *e, const char *instance, pid_t *pid, err_t *err);
    int (*remove)(engine_t *e, const char *instance, err_t *err);
    int (*list)(engine_t *e, engine_cell_t **cells, int *count, err_t *err);
    void (*interrupt)(engine_t *e);
    void (*close)(engine_t *e);
} engine_ops_t;

// The first member of each engine's own struct.
struct engine {
    const engine_ops_t *ops;
};

// Docker's daemon, over its socket.
int docker_open(const config_t *config, const char *seccomp_json, engine_t **out,
                err_t *err) MUSTCHECK;
// An OCI runtime, called by us, without a daemon.
int oci_open(const config_t *config, const char *seccomp_json, engine_t **out,
             err_t *err) MUSTCHECK;

#endif
