// Control groups: one of our own around each cell, on cgroup v1, v1 with a v2 beside it, and v2.
//
// The group `/<name>/<cell>` is made before the engine is asked, and the engine puts its own group
// inside. Limits and figures live on ours: they do not depend on how the engine or its runtime sets
// things, and they are still there when the engine's group is gone. All calls are plain file
// operations on cgroupfs, short enough for the keeper's loop; cgroup_make and cgroup_remove are the
// slow ones and belong to its launch threads.
#ifndef CLOCHE_ENGINE_CGROUP_H
#define CLOCHE_ENGINE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/ids.h"
#include "core/meter.h"

// The machine's hierarchies. Constant once opened, so threads may share it.
typedef struct cgroups cgroups_t;

typedef struct {
    const cgroups_t *all;
    char cell[ID_TEXT];
    int oom;       // tells of a kill for lack of memory: poll for EPOLLIN | EPOLLPRI
    meter_t meter; // open once it is watched
    bool oom_seen; // an event was taken from `oom`
} cgroup_t;

// Finds the hierarchies in a file like /proc/self/mountinfo. ERR_UNAVAILABLE names a missing controller.
int cgroups_open(const char *mountinfo, const char *name, cgroups_t **out, err_t *err) MUSTCHECK;
// Removes the group above all cells where it is empty, and frees.
void cgroups_close(cgroups_t *all);

// Refers to a cell's group, which need not exist; closed with cgroup_close.
void cgroup_at(const cgroups_t *all, const char *cell, cgroup_t *out);
void cgroup_close(cgroup_t *g);

// Makes the group in every hierarchy that we use. What is there already is taken over.
int cgroup_make(cgroup_t *g, err_t *err) MUSTCHECK;
// Opens g->oom and g->meter on an existing group.
int cgroup_watch(cgroup_t *g, err_t *err) MUSTCHECK;
// Removes it with what is below, processes included. ERR_LIMIT while a process is left; not there counts as done.
int cgroup_remove(const cgroup_t *g, err_t *err) MUSTCHECK;

// Bytes of memory and swap together. To be raised only: lowering may fail or kill.
int cgroup_limit_memory(const cgroup_t *g, uint64_t bytes, err_t *err) MUSTCHECK;
// Thousandths of a core; 0 lifts the limit.
int cgroup_limit_cpu(const cgroup_t *g, uint32_t millis, err_t *err) MUSTCHECK;

// Whether a process of the group was killed for lack of memory, as far as g->oom tells.
bool cgroup_oom_told(cgroup_t *g);
// The same, and looks through the groups below for kills that it does not tell of: those before it was open,
// and those for lack of memory of the machine.
bool cgroup_oom(cgroup_t *g);

// Whether cgroup_freeze works on this machine.
bool cgroup_freezable(const cgroup_t *g);
// Stops every process of the group where it is, or lets all go on. On v2 this may wait for a lock of the
// whole machine. Processes stop a moment after it returns.
int cgroup_freeze(const cgroup_t *g, bool frozen, err_t *err) MUSTCHECK;

// Whether the process is in the group or below.
bool cgroup_has(const cgroup_t *g, pid_t pid);
// Puts the group first in line for the processor, sends SIGKILL to every process that is in it now, and
// thaws it. Returns how many were there; call again until that is 0.
int cgroup_kill(const cgroup_t *g);

#endif
