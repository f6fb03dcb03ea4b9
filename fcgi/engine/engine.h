// What the keeper needs from a container engine, in the keeper's words.
//
// Calls block for as long as the engine takes (bounded by ENGINE_TIMEOUT_MS) and may be made from
// several threads at once: the keeper makes them from its launch threads, never from its loop. There is
// no call that kills: a kill must wait for nobody, so it goes through the cell's control group. Limits
// of memory and CPU are not here: they are set on the cell's own control group (engine/cgroup.h), which
// exists before the engine is asked and outlives what the engine makes inside it.
#ifndef CLOCHE_ENGINE_ENGINE_H
#define CLOCHE_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/config.h"
#include "core/ids.h"
#include "core/lease.h"

enum { ENGINE_TIMEOUT_MS = 30000, ENGINE_NAME = 80 };

typedef struct engine engine_t;

typedef struct {
    char id[ID_TEXT]; // the cell's id
    language_t language;
    runtime_t runtime;
    uid_t uid;               // of its own, also its gid
    char cgroup_parent[128]; // below which the engine puts it, "/cloche/<id>"
    char socket_dir[320];    // on the host; appears read-only at /run/cloche
    uint32_t disk_mb;        // size of /tmp
    uint32_t pids;           // most processes and threads
    uint64_t memory_ceiling; // bytes; a second bound, above the control group's own limit
} engine_spec_t;

typedef struct {
    char cell[ID_TEXT];
    char instance[ENGINE_NAME]; // the engine's own name for it
    language_t language;
    runtime_t runtime;
} engine_cell_t;

// What failed calls answer: ERR_UNAVAILABLE when the engine cannot be reached, ERR_TIMEOUT when it does
// not answer in time, ERR_NOT_FOUND for what it does not know, ERR_INTERNAL when it refuses.

// Opens the engine that the settings name, without talking to it. `seccomp_json` is the profile sent
// with each create call (borrowed for the engine's life), NULL for the engine's own.
int engine_open(const config_t *config, const char *seccomp_json, engine_t **out,
                err_t *err) MUSTCHECK;
void engine_close(engine_t *e);

// Whether the engine answers, and which runtimes it can start. Asks with a bound of its own, a few
// seconds.
int engine_ping(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err) MUSTCHECK;

// The engine's own name for a cell; known before the cell is made, so that what is left of a failed
// call can be removed.
void engine_name(const char *cell, char instance[ENGINE_NAME]);
// Makes a cell, under that name, without starting it. A warning in the engine's answer is a failure:
// a limit may be missing.
int engine_create(engine_t *e, const engine_spec_t *spec, err_t *err) MUSTCHECK;
// Starts it; *pid is its first process on the host.
int engine_start(engine_t *e, const char *instance, pid_t *pid, err_t *err) MUSTCHECK;
// Removes it, running or not. Already gone counts as done.
int engine_remove(engine_t *e, const char *instance, err_t *err) MUSTCHECK;
// All cells of this installation, running or not; *cells is the caller's, free().
int engine_list(engine_t *e, engine_cell_t **cells, int *count, err_t *err) MUSTCHECK;
// Makes calls under way, and later ones, fail soon: the keeper ends.
void engine_interrupt(engine_t *e);

#endif
