#include "engine/cgroup_join.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/cgroup_hier.h"

// What is in a cell's /dev: null, zero, full, random, urandom, tty, and the ends of pseudo terminals.
static const char *const devices[] = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
                                      "c 1:9 rwm", "c 5:0 rwm", "c 136:* rwm", "c 5:2 rwm"};

int cgroup_share(const cgroups_t *all, err_t *err)
{
    char dir[CGROUP_PATH];
    if (all->v2 || all->devices < 0)
        return err_set(err, ERR_UNAVAILABLE, "control groups of v1 are not all there");
    cgroup_hier_path(all, all->devices, "", dir);
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make the control group %s", dir);
    cgroup_hier_path(all, all->devices, CGROUP_SHARED, dir);
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make the control group %s", dir);
    // Another keeper's cells may be in it: they never lack a device.
    if (cgroup_fs_has_line(dir, "devices.list", "a *:* rwm") &&
        cgroup_fs_write(dir, "devices.deny", "a", err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        if (cgroup_fs_write(dir, "devices.allow", devices[i], err) < 0)
            return -1;
    return 0;
}

static int add(cgroup_join_t *j, const char *dir, err_t *err)
{
    char path[CGROUP_PATH + 8];
    snprintf(path, sizeof path, "%s/tasks", dir);
    if (j->count == CGROUP_JOINS)
        return err_set(err, ERR_LIMIT, "too many hierarchies");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    j->files[j->count++] = fd;
    return 0;
}

int cgroup_join_open(const cgroup_t *g, cgroup_join_t *out, err_t *err)
{
    const cgroups_t *all = g->all;
    char dir[CGROUP_PATH];
    *out = (cgroup_join_t){0};
    cgroup_hier_path(all, all->devices, CGROUP_SHARED, dir);
    int failed = add(out, dir, err);
    for (int i = 0; failed == 0 && i < all->count; i++) {
        if (!all->mounts[i].used)
            continue;
        cgroup_hier_path(all, i, g->cell, dir);
        failed = add(out, dir, err);
    }
    if (failed < 0)
        cgroup_join_close(out);
    return failed;
}

void cgroup_join_close(cgroup_join_t *j)
{
    while (j->count)
        close(j->files[--j->count]);
}

int cgroup_join(const cgroup_join_t *j)
{
    for (int i = 0; i < j->count; i++)
        if (write(j->files[i], "0", 1) != 1)
            return -1;
    return 0;
}

int cgroup_limit_pids(const cgroup_t *g, uint32_t pids, err_t *err)
{
    char dir[CGROUP_PATH];
    cgroup_path(g, CG_PIDS, dir);
    return cgroup_fs_write_number(dir, "pids.max", pids, err);
}
