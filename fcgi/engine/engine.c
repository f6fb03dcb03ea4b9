#include <stdio.h>

#include "base/str.h"
#include "engine/engine_impl.h"

int engine_open(const config_t *config, const char *seccomp_json, engine_t **out, err_t *err)
{
    bool oci = str_eq(config->engine, "oci");
    return (oci ? oci_open : docker_open)(config, seccomp_json, out, err);
}

void engine_close(engine_t *e)
{
    if (e)
        e->ops->close(e);
}

int engine_ping(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err)
{
    return e->ops->ping(e, runtimes, err);
}

void engine_name(const char *cell, char instance[ENGINE_NAME])
{
    snprintf(instance, ENGINE_NAME, "cloche-%s", cell);
}

int engine_create(engine_t *e, const engine_spec_t *spec, err_t *err)
{
    return e->ops->create(e, spec, err);
}

int engine_start(engine_t *e, const char *instance, pid_t *pid, err_t *err)
{
    return e->ops->start(e, instance, pid, err);
}

int engine_remove(engine_t *e, const char *instance, err_t *err)
{
    return e->ops->remove(e, instance, err);
}

int engine_list(engine_t *e, engine_cell_t **cells, int *count, err_t *err)
{
    return e->ops->list(e, cells, count, err);
}

void engine_interrupt(engine_t *e)
{
    e->ops->interrupt(e);
}
