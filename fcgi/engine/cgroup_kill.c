#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "engine/cgroup.h"
#include "engine/cgroup_fs.h"
#include "engine/cgroup_hier.h"

// Calls fn for each process of one group; stops when fn returns other than 0 and returns that.
typedef int (*pid_fn)(const char *dir, pid_t pid, void *context);

static int each_pid(const char *dir, pid_fn fn, void *context)
{
    char path[CGROUP_PATH + 16];
    snprintf(path, sizeof path, "%s/cgroup.procs", dir);
    cleanup_fclose FILE *f = fopen(path, "re");
    cleanup_free char *line = NULL;
    size_t size = 0;
    int result = 0;
    while (f && result == 0 && getline(&line, &size, f) >= 0) {
        int64_t pid;
        line[strcspn(line, "\n")] = '\0';
        if (str_int(line, 1, INT32_MAX, &pid, NULL) == 0)
            result = fn(dir, (pid_t)pid, context);
    }
    return result;
}

static int is_pid(const char *dir, pid_t pid, void *context)
{
    (void)dir;
    return pid == *(const pid_t *)context;
}

static int has_pid(const char *dir, void *context)
{
    return each_pid(dir, is_pid, context);
}

bool cgroup_has(const cgroup_t *g, pid_t pid)
{
    char dir[CGROUP_PATH];
    cgroup_path(g, CG_PIDS, dir);
    return cgroup_fs_walk(dir, has_pid, &pid) == 1;
}

// Kills through a pidfd after having looked again: the number may have passed to a process elsewhere
// since it was read.
static int kill_pid(const char *dir, pid_t pid, void *context)
{
    int *count = context;
    cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0 && each_pid(dir, is_pid, &pid) == 1) {
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        (*count)++;
    }
    return 0;
}

static int kill_group(const char *dir, void *context)
{
    return each_pid(dir, kill_pid, context);
}

// A process must run to die: without this it waits for quota, and behind the other cells. What fails here
// does so because the group is gone.
static void hurry(const cgroup_t *g)
{
    char dir[CGROUP_PATH];
    cgroup_path(g, CG_CPU, dir);
    (void)!cgroup_limit_cpu(g, 0, NULL);
    (void)!cgroup_fs_write(dir, g->all->v2 ? "cpu.weight" : "cpu.shares",
                           g->all->v2 ? "10000" : "262144", NULL);
}

int cgroup_kill(const cgroup_t *g)
{
    char dir[CGROUP_PATH];
    int count = 0;
    hurry(g);
    cgroup_path(g, CG_PIDS, dir);
    cgroup_fs_walk(dir, kill_group, &count);
    // On v2 the killed leave a frozen group by themselves.
    if (!g->all->v2 && g->all->at[CG_FREEZER] >= 0) {
        cgroup_path(g, CG_FREEZER, dir);
        (void)!cgroup_fs_write(dir, "freezer.state", "THAWED", NULL);
    }
    return count;
}
