#include "engine/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "engine/cgroup_fs.h"
#include "engine/cgroup_hier.h"

enum { PERIOD_US = 100000 };

void cgroup_at(const cgroups_t *all, const char *cell, cgroup_t *out)
{
    *out = (cgroup_t){.all = all, .oom = -1, .meter = {.cpu = -1, .peak = -1}};
    str_copy(out->cell, sizeof out->cell, cell);
}

void cgroup_close(cgroup_t *g)
{
    fd_close(&g->oom);
    meter_close(&g->meter);
}

int cgroup_make(cgroup_t *g, err_t *err)
{
    const cgroups_t *all = g->all;
    for (int i = 0; i < all->count; i++) {
        char path[CGROUP_PATH];
        if (!all->mounts[i].used)
            continue;
        cgroup_hier_path(all, i, g->cell, path);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, "cannot make the control group %s", path);
    }
    return 0;
}

static int open_in(const char *dir, const char *file, int flags)
{
    char path[CGROUP_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return open(path, flags | O_CLOEXEC);
}

// v1 signals an eventfd at the group whose limit was hit, which is ours, and counts kills only in the
// group of the killed, which goes with the engine.
static int watch_v1(cgroup_t *g, const char *memory, err_t *err)
{
    char text[32];
    cleanup_close int control = open_in(memory, "memory.oom_control", O_RDONLY);
    cleanup_close int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control < 0 || event < 0)
        return err_errno(err, "cannot watch %s/memory.oom_control", memory);
    snprintf(text, sizeof text, "%d %d", event, control);
    if (cgroup_fs_write(memory, "cgroup.event_control", text, err) < 0)
        return -1;
    g->oom = fd_take(&event);
    return 0;
}

static int watch_v2(cgroup_t *g, const char *memory, err_t *err)
{
    g->oom = open_in(memory, "memory.events", O_RDONLY);
    // Polling tells of changes since the last read.
    char text[512];
    if (g->oom < 0 || pread(g->oom, text, sizeof text, 0) < 0)
        return err_errno(err, "cannot read %s/memory.events", memory);
    return 0;
}

int cgroup_watch(cgroup_t *g, err_t *err)
{
    char memory[CGROUP_PATH], cpu[CGROUP_PATH];
    bool v2 = g->all->v2;
    cgroup_path(g, CG_MEMORY, memory);
    cgroup_path(g, CG_CPUACCT, cpu);
    g->meter.v2 = v2;
    g->meter.cpu = open_in(cpu, v2 ? "cpu.stat" : "cpuacct.usage", O_RDONLY);
    if (g->meter.cpu < 0)
        return err_errno(err, "cannot read the processor time of %s", cpu);
    // On v2 a kernel may have no such file, or only one that cannot be reset.
    g->meter.peak = open_in(memory, v2 ? "memory.peak" : "memory.max_usage_in_bytes", O_RDWR);
    if (g->meter.peak < 0)
        g->meter.peak = open_in(memory, "memory.peak", O_RDONLY);
    return v2 ? watch_v2(g, memory, err) : watch_v1(g, memory, err);
}

static int remove_one(const char *dir, void *context)
{
    (void)context;
    return rmdir(dir) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove(const cgroup_t *g, err_t *err)
{
    if (g->all->v2) {
        char path[CGROUP_PATH];
        cgroup_hier_path(g->all, g->all->unified, g->cell, path);
        // For what escaped cgroup_kill by forking; that one does not use it, for this write may wait long
        // for a lock of the whole machine.
        (void)!cgroup_fs_write(path, "cgroup.kill", "1", NULL);
    }
    for (int i = 0; i < g->all->count; i++) {
        char path[CGROUP_PATH];
        cgroup_hier_path(g->all, i, g->cell, path);
        int failed = cgroup_fs_walk(path, remove_one, NULL);
        if (failed)
            return err_set(err, ERR_LIMIT, "cannot remove the control group %s: %s", path,
                           strerrordesc_np(-failed));
    }
    return 0;
}

// v1 keeps limit <= limit with swap at all times, so the order depends on the direction.
static int limit_memory_v1(const char *dir, int64_t bytes, err_t *err)
{
    int64_t now;
    if (cgroup_fs_read_number(dir, "memory.limit_in_bytes", &now, err) < 0)
        return -1;
    bool swap = cgroup_fs_exists(dir, "memory.memsw.limit_in_bytes");
    const char *files[2] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"};
    bool raise = bytes > now;
    for (int i = 0; i < 2; i++) {
        const char *file = files[raise ? 1 - i : i];
        if ((swap || file == files[0]) && cgroup_fs_write_number(dir, file, bytes, err) < 0)
            return -1;
    }
    return 0;
}

int cgroup_limit_memory(const cgroup_t *g, uint64_t bytes, err_t *err)
{
    char dir[CGROUP_PATH];
    cgroup_path(g, CG_MEMORY, dir);
    if (!g->all->v2)
        return limit_memory_v1(dir, (int64_t)bytes, err);
    if (cgroup_fs_exists(dir, "memory.swap.max") &&
        cgroup_fs_write(dir, "memory.swap.max", "0", err) < 0)
        return -1;
    return cgroup_fs_write_number(dir, "memory.max", (int64_t)bytes, err);
}

int cgroup_limit_cpu(const cgroup_t *g, uint32_t millis, err_t *err)
{
    char dir[CGROUP_PATH], text[48];
    cgroup_path(g, CG_CPU, dir);
    long long quota = (long long)millis * PERIOD_US / 1000;
    if (!g->all->v2)
        return cgroup_fs_write_number(dir, "cpu.cfs_quota_us", millis ? quota : -1, err);
    if (millis)
        snprintf(text, sizeof text, "%lld %d", quota, PERIOD_US);
    else
        snprintf(text, sizeof text, "max %d", PERIOD_US);
    return cgroup_fs_write(dir, "cpu.max", text, err);
}

bool cgroup_freezable(const cgroup_t *g)
{
    return g->all->at[CG_FREEZER] >= 0;
}

int cgroup_freeze(const cgroup_t *g, bool frozen, err_t *err)
{
    char dir[CGROUP_PATH];
    if (!cgroup_freezable(g))
        return err_set(err, ERR_UNAVAILABLE, "the freezer control group controller is not mounted");
    cgroup_path(g, CG_FREEZER, dir);
    if (g->all->v2)
        return cgroup_fs_write(dir, "cgroup.freeze", frozen ? "1" : "0", err);
    return cgroup_fs_write(dir, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
}

static int count_kills(const char *dir, void *context)
{
    int64_t kills;
    (void)context;
    return cgroup_fs_read_key(dir, "memory.oom_control", "oom_kill", &kills, NULL) == 0 &&
           kills > 0;
}

bool cgroup_oom_told(cgroup_t *g)
{
    uint64_t events;
    int64_t kills;
    if (g->oom_seen || g->oom < 0)
        return g->oom_seen;
    if (g->all->v2)
        g->oom_seen = meter_key(g->oom, "oom_kill", &kills, NULL) == 0 && kills > 0;
    else
        g->oom_seen = read(g->oom, &events, sizeof events) == sizeof events;
    return g->oom_seen;
}

bool cgroup_oom(cgroup_t *g)
{
    char dir[CGROUP_PATH];
    int64_t kills;
    if (cgroup_oom_told(g))
        return true;
    cgroup_path(g, CG_MEMORY, dir);
    if (g->all->v2)
        g->oom_seen =
            cgroup_fs_read_key(dir, "memory.events", "oom_kill", &kills, NULL) == 0 && kills > 0;
    else
        g->oom_seen = cgroup_fs_walk(dir, count_kills, NULL) == 1;
    return g->oom_seen;
}
