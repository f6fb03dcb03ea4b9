// What the operating system and the engine hold for one cell: its directory with the listening socket,
// its control group, its container and its first process.
//
// body_make and body_remove block and run in launch threads; the rest is for the loop. A body belongs
// to one of the two at a time. Everything is found again by the cell's id, so a body that was made by an
// earlier keeper, or made half, is removed the same way as a whole one.
#ifndef CLOCHE_KEEPER_BODY_H
#define CLOCHE_KEEPER_BODY_H

#include <sys/types.h>

#include "base/err.h"
#include "core/lease.h"
#include "engine/cgroup.h"
#include "engine/engine.h"

enum { CELL_UID_FIRST = 700000 };

// What all bodies share. Constant once opened, so threads may use it.
typedef struct {
    engine_t *engine;
    cgroups_t *cgroups;
    const char *cgroup; // name of the group above all cells
    int dir;            // $CLOCHE_RUN/cells
    char path[280];     // the same, as text
} ground_t;

typedef struct {
    char id[ID_TEXT];
    language_t language;
    runtime_t runtime;
    uint32_t disk_mb;
    uid_t uid;
    uint64_t memory; // limit now, in bytes; only ever raised
    int dir;         // its directory, -1 while there is none
    int listener;    // accepts the three connections of its launcher
    cgroup_t group;
    int pidfd; // of its first process, -1 for a cell of an earlier keeper
} body_t;

// Opens, or makes, $CLOCHE_RUN/cells. `engine` and `cgroups` are borrowed.
int ground_open(ground_t *g, const config_t *config, engine_t *engine, cgroups_t *cgroups,
                err_t *err) MUSTCHECK;
void ground_close(ground_t *g);

// An empty body; touches nothing.
void body_init(body_t *b, const ground_t *g, const char *id);
// Closes what is open; removes nothing.
void body_close(body_t *b);

// Makes and starts all of it. On failure what was made is left for body_remove.
int body_make(body_t *b, const ground_t *g, err_t *err) MUSTCHECK;
// Removes all of it: the container, the control group, the directory. To be called again after a failure.
int body_remove(body_t *b, const ground_t *g, err_t *err) MUSTCHECK;

// No more connections: closes the listener and removes its name.
void body_close_listener(body_t *b);
// Kills every process, whatever state it is in; true once none is left.
bool body_kill(body_t *b);
// Wait status of the first process once it has ended and was reaped, else -1.
int32_t body_exit_status(const body_t *b);
// Whether this kernel will say how the first process ended.
bool body_tells_exit(const body_t *b);

#endif
