#include "engine/cgroup_hier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

static const char *const controller_names[CG_COUNT] = {"memory", "cpu", "cpuacct", "pids",
                                                       "freezer"};

void cgroup_hier_path(const cgroups_t *all, int i, const char *cell, char out[CGROUP_PATH])
{
    // Fits: a mount's path, our name and a cell's id are bounded when they are read.
    snprintf(out, CGROUP_PATH, "%s/%s%s%s", all->mounts[i].path, all->name, *cell ? "/" : "", cell);
}

void cgroup_path(const cgroup_t *g, controller_t c, char out[CGROUP_PATH])
{
    cgroup_hier_path(g->all, g->all->at[c], g->cell, out);
}

// Whether `word` is one of the words in "a,b,c".
static bool has_option(const char *options, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = options; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strcspn(p, ",") == len && strncmp(p, word, len) == 0)
            return true;
    return false;
}

// Whether the mount shows a hierarchy from its top. Seen from a control group namespace below, as in a
// container, the top is "/..", "/../..", and so on.
static bool is_top(const char *root)
{
    while (str_starts(root, "/.."))
        root += strlen("/..");
    return str_eq(root, "/") || !*root;
}

// One line: "36 35 98:0 /root /mount/point rw,noatime shared:1 - cgroup cgroup rw,memory".
static void read_mount(cgroups_t *all, char *line)
{
    char *rest = strstr(line, " - "), *save = NULL;
    if (!rest || all->count == CGROUP_MOUNTS)
        return;
    *rest = '\0';
    const char *fields[6] = {NULL}, *tail[3] = {NULL};
    int n = 0;
    for (char *f = strtok_r(line, " ", &save); f && n < 6; f = strtok_r(NULL, " ", &save))
        fields[n++] = f;
    int m = 0;
    for (char *f = strtok_r(rest + 3, " \n", &save); f && m < 3; f = strtok_r(NULL, " \n", &save))
        tail[m++] = f;
    if (n < 5 || m < 3 || !is_top(fields[3]))
        return;
    bool unified = strcmp(tail[0], "cgroup2") == 0;
    int i = all->count;
    if ((!unified && strcmp(tail[0], "cgroup") != 0) || (unified && all->unified >= 0) ||
        !str_copy(all->mounts[i].path, CGROUP_MOUNT_PATH, fields[4]))
        return;
    all->count++;
    if (unified)
        all->unified = i;
    if (!unified && has_option(tail[2], "devices"))
        all->devices = i;
    for (int c = 0; !unified && c < CG_COUNT; c++) {
        if (all->at[c] >= 0 || !has_option(tail[2], controller_names[c]))
            continue;
        all->at[c] = i;
        all->mounts[i].used = true;
    }
}

static int read_mounts(cgroups_t *all, const char *mountinfo, err_t *err)
{
    cleanup_fclose FILE *f = fopen(mountinfo, "re");
    if (!f)
        return err_errno(err, "cannot read %s", mountinfo);
    cleanup_free char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, f) >= 0)
        read_mount(all, line);
    return 0;
}

// Hands the controllers down from the root to the cells' groups.
static int delegate(const cgroups_t *all, err_t *err)
{
    static const char *const wanted[] = {"+memory", "+cpu", "+pids"};
    char top[CGROUP_PATH];
    cgroup_hier_path(all, all->unified, "", top);
    const char *dirs[] = {all->mounts[all->unified].path, top};
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < 3; i++)
            if (cgroup_fs_write(dirs[d], "cgroup.subtree_control", wanted[i], err) < 0)
                return -1;
    return 0;
}

static int choose(cgroups_t *all, err_t *err)
{
    all->v2 = all->at[CG_MEMORY] < 0 && all->unified >= 0;
    if (all->v2)
        for (int c = 0; c < CG_COUNT; c++)
            all->at[c] = all->unified;
    if (all->v2)
        all->mounts[all->unified].used = true;
    for (int c = 0; c < CG_COUNT; c++)
        if (all->at[c] < 0 && c != CG_FREEZER)
            return err_set(err, ERR_UNAVAILABLE, "the %s control group controller is not mounted",
                           controller_names[c]);
    return 0;
}

// Before Linux 5.11 a limit of v1 holds for what is below only if it is told to.
static int need_hierarchy(const cgroups_t *all, err_t *err)
{
    char top[CGROUP_PATH];
    cgroup_hier_path(all, all->at[CG_MEMORY], "", top);
    if (!cgroup_fs_exists(top, "memory.use_hierarchy"))
        return 0;
    return cgroup_fs_write(top, "memory.use_hierarchy", "1", err);
}

static int make_top(const cgroups_t *all, err_t *err)
{
    for (int i = 0; i < all->count; i++) {
        char path[CGROUP_PATH];
        cgroup_hier_path(all, i, "", path);
        if (all->mounts[i].used && mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, "cannot make the control group %s", path);
    }
    return all->v2 ? delegate(all, err) : need_hierarchy(all, err);
}

int cgroups_open(const char *mountinfo, const char *name, cgroups_t **out, err_t *err)
{
    cgroups_t *all = calloc(1, sizeof *all);
    if (!all)
        return err_set(err, ERR_INTERNAL, "out of memory");
    all->unified = -1;
    all->devices = -1;
    for (int c = 0; c < CG_COUNT; c++)
        all->at[c] = -1;
    int failed = 0;
    if (!*name || strchr(name, '/') || *name == '.' || !str_copy(all->name, CGROUP_NAME, name))
        failed = err_set(err, ERR_INVALID, "%.64s is no name for a control group", name);
    if (failed < 0 || read_mounts(all, mountinfo, err) < 0 || choose(all, err) < 0 ||
        make_top(all, err) < 0) {
        free(all);
        return -1;
    }
    *out = all;
    return 0;
}

void cgroups_close(cgroups_t *all)
{
    if (!all)
        return;
    for (int i = 0; i < all->count; i++) {
        char path[CGROUP_PATH];
        cgroup_hier_path(all, i, CGROUP_SHARED, path);
        if (i == all->devices)
            rmdir(path);
        cgroup_hier_path(all, i, "", path);
        rmdir(path); // fails while another installation's cells are there
    }
    free(all);
}
