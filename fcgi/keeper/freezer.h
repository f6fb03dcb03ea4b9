// Freezes and thaws control groups in a thread of its own, in the order asked for: on cgroup v2 that may
// wait for a lock of the whole machine, and the loop must not.
//
// It works on names, so a cell may be gone when its turn comes.
#ifndef CLOCHE_KEEPER_FREEZER_H
#define CLOCHE_KEEPER_FREEZER_H

#include "engine/cgroup.h"

typedef struct freezer freezer_t;

int freezer_open(freezer_t **out, err_t *err) MUSTCHECK;
// Carries out what was asked for, then ends the thread.
void freezer_close(freezer_t *f);

// Never waits for it to be done. What was asked for the same group before and has not begun is dropped.
void freezer_set(freezer_t *f, const cgroup_t *group, bool frozen);

#endif
