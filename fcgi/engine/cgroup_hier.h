// Where the hierarchies are mounted; shared by the files of the cgroup module only.
#ifndef CLOCHE_ENGINE_CGROUP_HIER_H
#define CLOCHE_ENGINE_CGROUP_HIER_H

#include <stdbool.h>

#include "engine/cgroup.h"
#include "engine/cgroup_fs.h"

// What the module reads or writes. On v2 all are one hierarchy.
typedef enum { CG_MEMORY, CG_CPU, CG_CPUACCT, CG_PIDS, CG_FREEZER, CG_COUNT } controller_t;

// In the hierarchy of devices: the group of all cells that put themselves into theirs.
#define CGROUP_SHARED "cells"

enum { CGROUP_MOUNTS = 24, CGROUP_MOUNT_PATH = 256, CGROUP_NAME = 64 };

struct cgroups {
    char name[CGROUP_NAME]; // of the group above all cells
    bool v2;                // the controllers are on the unified hierarchy
    int unified;            // its index, -1 without one
    int devices;            // that of v1's hierarchy of devices, -1 without one
    int count;
    int at[CG_COUNT]; // index into mounts; -1: not there (only the freezer may be missing)
    struct {
        char path[CGROUP_MOUNT_PATH];
        bool used; // we make our groups here; the engine's runtime may make them in the others too
    } mounts[CGROUP_MOUNTS];
};

// The cell's directory in the i-th hierarchy ("" for the cell: the group above all cells).
void cgroup_hier_path(const cgroups_t *all, int i, const char *cell, char out[CGROUP_PATH]);
// The cell's directory where the controller is.
void cgroup_path(const cgroup_t *g, controller_t c, char out[CGROUP_PATH]);

#endif
