// Cells by an OCI runtime that the keeper calls itself: one process for the start of each cell, and none
// beside it afterwards. Their end is seen and caused through pidfds and control groups like with any
// engine; what is left then is the runtime's record, a directory of ours.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/oci_impl.h"
#include "engine/oci_seccomp.h"
#include "engine/oci_spec.h"

#define UNIFIED "/sys/fs/cgroup/unified"
#define NAME_PREFIX "cloche-"

static oci_t *of(engine_t *e)
{
    return (oci_t *)e;
}

// What works is found out once; what does not is tried again at each look.
static int ping(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err)
{
    oci_t *o = of(e);
    err_t why = {0};
    bool any = false;
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        if (!oci_chosen(o, (runtime_t)r))
            oci_choose(o, (runtime_t)r, &why);
        runtimes[r] = oci_chosen(o, (runtime_t)r) != NULL;
        any = any || runtimes[r];
    }
    o->tried = true;
    return any ? 0 : err_set(err, ERR_UNAVAILABLE, "no OCI runtime works: %.200s", why.msg);
}

// ---- cells

static int create_cell(engine_t *e, const engine_spec_t *spec, err_t *err)
{
    oci_t *o = of(e);
    char instance[ENGINE_NAME], dir[BUNDLE_PATH];
    const program_t *program = oci_chosen(o, spec->runtime);
    cgroup_t group;
    if (!program)
        return err_set(err, ERR_INTERNAL, "no program makes cells of %s",
                       runtime_name(spec->runtime));
    engine_name(spec->id, instance);
    oci_bundle_dir(o, instance, dir);
    cgroup_at(o->groups, spec->id, &group);
    if (program->joins && cgroup_limit_pids(&group, spec->pids, err) < 0)
        return -1;
    return oci_make_bundle(o, program, spec, dir, err);
}

static int start_cell(engine_t *e, const char *instance, pid_t *pid, err_t *err)
{
    oci_t *o = of(e);
    char dir[BUNDLE_PATH], file[BUNDLE_PATH + 8], said[OCI_SAID];
    language_t language;
    runtime_t runtime;
    oci_bundle_dir(o, instance, dir);
    if (bundle_kind(dir, &language, &runtime, err) < 0)
        return -1;
    const program_t *program = oci_chosen(o, runtime);
    if (!program)
        return err_set(err, ERR_INTERNAL, "no program makes cells of %s", runtime_name(runtime));
    cgroup_t group;
    cgroup_at(o->groups, instance + strlen(NAME_PREFIX), &group);
    snprintf(file, sizeof file, "%s/pid", dir);
    const char *const tail[] = {"--detach", "--pid-file", file, instance, NULL};
    if (oci_call(o, program, dir, &group, tail, ENGINE_TIMEOUT_MS, said, err) < 0)
        return -1;
    if (bundle_pid(dir, pid, NULL) < 0)
        return err_set(err, ERR_INTERNAL, "%s: %s", program->tool->name, said);
    return 0;
}

// The keeper has killed all that is in the cell's control group. What its namespaces held went with the
// last process, so the runtime's own `delete` would only remove its records, and take a process to do it.
static int remove_cell(engine_t *e, const char *instance, err_t *err)
{
    oci_t *o = of(e);
    char dir[BUNDLE_PATH], group[BUNDLE_PATH];
    snprintf(group, sizeof group, UNIFIED "/%s/%s", o->cgroup, instance + strlen(NAME_PREFIX));
    if (o->hidden && bundle_remove(group, err) < 0)
        return -1;
    oci_bundle_dir(o, instance, dir);
    return bundle_remove(dir, err);
}

// Fills one cell from its bundle; false for what is not one of ours, and for one that is being made: should
// it be left so, its keeper's successor finds it by the cell's own directory.
static bool read_cell(const oci_t *o, const char *name, engine_cell_t *out)
{
    char dir[BUNDLE_PATH];
    if (!str_starts(name, NAME_PREFIX) || !id_valid(name + strlen(NAME_PREFIX)))
        return false;
    oci_bundle_dir(o, name, dir);
    return str_copy(out->cell, sizeof out->cell, name + strlen(NAME_PREFIX)) &&
           str_copy(out->instance, sizeof out->instance, name) &&
           bundle_kind(dir, &out->language, &out->runtime, NULL) == 0;
}

static int list_cells(engine_t *e, engine_cell_t **cells, int *count, err_t *err)
{
    oci_t *o = of(e);
    engine_cell_t *list = NULL;
    int found = 0, room = 0;
    DIR *dir = opendir(o->dir);
    if (!dir)
        return err_errno(err, "cannot list %s", o->dir);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        engine_cell_t cell;
        if (!read_cell(o, d->d_name, &cell))
            continue;
        if (found == room) {
            room = room ? 2 * room : 16;
            engine_cell_t *more = realloc(list, (size_t)room * sizeof *list);
            if (!more) {
                free(list);
                closedir(dir);
                return err_set(err, ERR_INTERNAL, "out of memory");
            }
            list = more;
        }
        list[found++] = cell;
    }
    closedir(dir);
    *cells = list;
    *count = found;
    return 0;
}

// ---- opening and closing

static void interrupt_calls(engine_t *e)
{
    const uint64_t one = 1;
    ssize_t n = write(of(e)->interrupt, &one, sizeof one);
    (void)n; // fails only when it was done very often
}

static void close_engine(engine_t *e)
{
    oci_t *o = of(e);
    fd_close(&o->interrupt);
    for (int r = 0; r < RUNTIME_COUNT; r++)
        oci_program_free(o->chosen[r]);
    cgroups_close(o->groups);
    buf_free(&o->seccomp);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

// crun does not run where control groups of v2, with controllers, are mounted beside those of v1. In a
// mount namespace of our own there is an empty directory instead, where it believes to make its groups.
static void hide_unified(oci_t *o)
{
    char byte;
    err_t err;
    cleanup_close int fd = open(UNIFIED "/cgroup.controllers", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &byte, 1) <= 0)
        return;
    fd_close(&fd);
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
        mount("none", UNIFIED, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, "mode=0700") == 0) {
        o->hidden = true;
        return;
    }
    err_errno(&err, "cannot hide " UNIFIED);
    log_fail(LOG_WARN, "crun will not work", &err, NULL);
}

// Before there is a cell; on v2 runtimes have only one group to make, and put cells there at their start.
static void share_groups(oci_t *o)
{
    err_t err;
    o->shared = cgroups_open("/proc/self/mountinfo", o->cgroup, &o->groups, &err) == 0 &&
                cgroup_share(o->groups, &err) == 0;
    if (!o->shared)
        log_fail(LOG_DEBUG, "cells are put into control groups by their runtime", &err, NULL);
}

static int fill(oci_t *o, const config_t *config, const char *seccomp_json, err_t *err)
{
    struct utsname machine;
    snprintf(o->images, sizeof o->images, "%s/images", config->home);
    snprintf(o->dir, sizeof o->dir, "%s/oci", config->run);
    str_copy(o->cgroup, sizeof o->cgroup, config->cgroup);
    o->launch_ms = (int)config->launch_timeout_ms;
    if (!seccomp_json)
        return err_set(err, ERR_INVALID, "cells of an OCI runtime need a system call profile");
    if (o->interrupt < 0 || uname(&machine) < 0)
        return err_errno(err, "cannot open the engine");
    if (mkdir(o->dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make %s", o->dir);
    return oci_seccomp(seccomp_json, machine.machine, machine.release, &o->seccomp, err);
}

int oci_open(const config_t *config, const char *seccomp_json, engine_t **out, err_t *err)
{
    static const engine_ops_t ops = {.ping = ping,
                                     .create = create_cell,
                                     .start = start_cell,
                                     .remove = remove_cell,
                                     .list = list_cells,
                                     .interrupt = interrupt_calls,
                                     .close = close_engine};
    oci_t *o = calloc(1, sizeof *o);
    if (!o)
        return err_set(err, ERR_INTERNAL, "out of memory");
    o->base.ops = &ops;
    o->seccomp = BUF_INIT(OCI_SPEC_MAX);
    o->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&o->lock, NULL);
    if (fill(o, config, seccomp_json, err) < 0) {
        close_engine(&o->base);
        return -1;
    }
    hide_unified(o);
    share_groups(o);
    oci_adopt();
    *out = &o->base;
    return 0;
}
