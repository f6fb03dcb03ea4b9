// Which runtimes there are, which of them work here, and how they are called.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/oci_impl.h"
#include "engine/oci_spec.h"

enum { PROBE_UID = 65534, ARGUMENTS_MAX = 20 };

static const oci_tool_t crun = {
    .name = "crun", .joins = "--cgroup-manager=disabled", .copies = true, .compiles = true};
static const oci_tool_t runc = {.name = "runc"};
static const oci_tool_t runsc = {.name = "runsc",
                                 .always = {"--network=none", "--host-uds=open"},
                                 .joins = "--ignore-cgroups",
                                 .copies = true};

const program_t *oci_chosen(oci_t *o, runtime_t runtime)
{
    pthread_mutex_lock(&o->lock);
    const program_t *program = o->chosen[runtime];
    pthread_mutex_unlock(&o->lock);
    return program;
}

void oci_bundle_dir(const oci_t *o, const char *instance, char out[BUNDLE_PATH])
{
    snprintf(out, BUNDLE_PATH, "%s/%s", o->dir, instance);
}

int oci_call(oci_t *o, const program_t *program, const char *dir, const cgroup_t *group,
             const char *const tail[], int timeout_ms, char said[OCI_SAID], err_t *err)
{
    const char *argv[ARGUMENTS_MAX];
    char state[BUNDLE_PATH + 8];
    cgroup_join_t join = {0};
    int n = 0;
    argv[n++] = program->tool->name;
    for (int i = 0; i < 2 && program->tool->always[i]; i++)
        argv[n++] = program->tool->always[i];
    if (program->joins)
        argv[n++] = program->tool->joins;
    snprintf(state, sizeof state, "%s/state", dir);
    argv[n++] = "--root";
    argv[n++] = state;
    argv[n++] = "run";
    argv[n++] = "--bundle";
    argv[n++] = dir;
    while (*tail && n < ARGUMENTS_MAX - 1)
        argv[n++] = *tail++;
    argv[n] = NULL;
    oci_run_t run = {.argv = argv,
                     .program = program->copy,
                     .groups = program->joins ? &join : NULL,
                     .timeout_ms = timeout_ms,
                     .interrupt = o->interrupt};
    if (program->joins && cgroup_join_open(group, &join, err) < 0)
        return -1;
    int result = oci_run(&run, said, err);
    cgroup_join_close(&join);
    return result;
}

int oci_make_bundle(oci_t *o, const program_t *program, const engine_spec_t *spec, const char *dir,
                    err_t *err)
{
    char link[CONFIG_TEXT + 48], group[sizeof spec->cgroup_parent + 8];
    const oci_dialect_t dialect = {.seccomp = buf_str(&o->seccomp),
                                   .filter = program->filter.len ? program->filter.data : NULL};
    cleanup_buf buf_t config = BUF_INIT(OCI_SPEC_MAX);
    snprintf(link, sizeof link, "%s/%s", o->images, language_name(spec->language));
    // The link's own target: cells go on with the image they began with.
    cleanup_free char *rootfs = realpath(link, NULL);
    if (!rootfs)
        return err_errno(err, "there is no unpacked image %s", link);
    snprintf(group, sizeof group, "%s%s", spec->cgroup_parent, program->joins ? "" : "/cell");
    if (oci_spec(&config, spec, rootfs, group, &dialect) < 0)
        return err_set(err, ERR_INTERNAL, "the cell's description could not be written");
    return bundle_make(dir, config.data, err);
}

// ---- which runtimes work here

// What is there of the cell of an attempt. Its process ends by itself, or is killed here where the runtime hung:
// its group may outlive the attempt, not the last one. On v2 the runtime made the group, and leaves it.
static int clear(const char *dir, const cgroup_t *group, err_t *err)
{
    if (group->all) {
        cgroup_kill(group);
        (void)!cgroup_remove(group, NULL);
    }
    return bundle_remove(dir, err);
}

// A whole cell, except that nobody waits for its launcher, which says so. With `filter` it is only asked for
// what it compiled.
static int probe(oci_t *o, const program_t *p, runtime_t runtime, buf_t *filter, err_t *err)
{
    char dir[BUNDLE_PATH], id[ID_TEXT], said[OCI_SAID];
    engine_spec_t spec = {.language = LANG_PYTHON,
                          .runtime = runtime,
                          .uid = PROBE_UID,
                          .disk_mb = 1,
                          .pids = 256,
                          .memory_ceiling = 256ULL << 20};
    cgroup_t group;
    snprintf(id, sizeof id, "probe-%s", p->tool->name);
    oci_bundle_dir(o, id, dir);
    cgroup_at(o->groups, id, &group);
    snprintf(spec.cgroup_parent, sizeof spec.cgroup_parent, "/%.80s/%s", o->cgroup, id);
    if (!str_copy(spec.socket_dir, sizeof spec.socket_dir, dir))
        return err_set(err, ERR_INVALID, "run: the path is too long");
    const char *const plain[] = {id, NULL}, *const detached[] = {"--detach", id, NULL};
    if (clear(dir, &group, err) < 0 || oci_make_bundle(o, p, &spec, dir, err) < 0 ||
        (p->joins && cgroup_make(&group, err) < 0))
        return -1;
    int failed = oci_call(o, p, dir, &group, filter ? detached : plain, o->launch_ms, said, err);
    if (!failed && filter)
        failed = bundle_filter(dir, id, filter, err);
    else if (!failed && !strstr(said, "launcher: connect"))
        failed = err_set(err, ERR_INTERNAL, "%s: %s", p->tool->name, said);
    return clear(dir, &group, failed ? NULL : err) < 0 ? -1 : failed;
}

void oci_program_free(program_t *p)
{
    if (!p)
        return;
    fd_close(&p->copy);
    buf_free(&p->filter);
    free(p);
}

// crun compiles the profile for each cell anew, unless it is given what it made of it before.
static void take_filter(oci_t *o, program_t *p, runtime_t runtime)
{
    err_t err;
    buf_t filter = BUF_INIT(OCI_SPEC_MAX);
    if (probe(o, p, runtime, &filter, &err) == 0) {
        p->filter = filter;
        if (probe(o, p, runtime, NULL, &err) == 0)
            return;
    }
    buf_free(&filter);
    p->filter = BUF_INIT(0);
    log_fail(LOG_INFO, "the system call filter is compiled for each cell", &err, NULL);
}

// Where there can be no copy, the program itself is started. Whether it is there at all, the attempt tells.
static void take_copy(const oci_t *o, program_t *p)
{
    err_t err;
    if (oci_seal(p->tool->name, &p->copy, &err) < 0 && err.code != ERR_UNAVAILABLE && !o->tried)
        log_fail(LOG_INFO, "a program is started without a copy", &err, NULL);
}

// NULL where it does not make cells.
static program_t *try_tool(oci_t *o, const oci_tool_t *tool, runtime_t runtime, err_t *err)
{
    program_t *p = calloc(1, sizeof *p);
    if (!p) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *p = (program_t){.tool = tool, .copy = -1, .joins = tool->joins && o->shared};
    if (tool->copies)
        take_copy(o, p);
    if (probe(o, p, runtime, NULL, err) < 0) {
        oci_program_free(p);
        return NULL;
    }
    if (tool->compiles)
        take_filter(o, p, runtime);
    return p;
}

// The first that works.
void oci_choose(oci_t *o, runtime_t runtime, err_t *err)
{
    static const oci_tool_t *const candidates[RUNTIME_COUNT][3] = {
        [RUNTIME_DOCKER] = {&crun, &runc},
        [RUNTIME_GVISOR] = {&runsc},
    };
    program_t *found = NULL;
    for (int i = 0; !found && candidates[runtime][i]; i++) {
        found = try_tool(o, candidates[runtime][i], runtime, err);
        if (!found && !o->tried)
            log_fail(LOG_INFO, "a runtime cannot make cells here", err, "program",
                     candidates[runtime][i]->name, NULL);
    }
    if (!found)
        return;
    log_info("cells are made by this program", "runtime", runtime_name(runtime), "program",
             found->tool->name, NULL);
    pthread_mutex_lock(&o->lock);
    o->chosen[runtime] = found;
    pthread_mutex_unlock(&o->lock);
}
