// Processes that put themselves into a cell's control group, on cgroup v1: what they start is in it from its
// first moment, and no runtime has to make groups of its own and move anything there. Moving another process
// waits for a lock of the whole machine, in each hierarchy; a process that moves only itself does not.
#ifndef CLOCHE_ENGINE_CGROUP_JOIN_H
#define CLOCHE_ENGINE_CGROUP_JOIN_H

#include "engine/cgroup.h"

enum { CGROUP_JOINS = 8 };

typedef struct {
    int count;
    int files[CGROUP_JOINS]; // "tasks" of each
} cgroup_join_t;

// Readies a group that all cells share, which lets processes use no devices but those of a cell's /dev.
// ERR_UNAVAILABLE: not on this machine; everything below is not for it then. Once, before any of it.
int cgroup_share(const cgroups_t *all, err_t *err) MUSTCHECK;

// Opens a cell's groups and the shared one. Files that are not there, of a group that is gone, are an error.
int cgroup_join_open(const cgroup_t *g, cgroup_join_t *out, err_t *err) MUSTCHECK;
void cgroup_join_close(cgroup_join_t *j);

// Moves the calling process, which has one thread; plain system calls only, for use after vfork.
int cgroup_join(const cgroup_join_t *j);

// Most processes and threads of the group.
int cgroup_limit_pids(const cgroup_t *g, uint32_t pids, err_t *err) MUSTCHECK;

#endif
