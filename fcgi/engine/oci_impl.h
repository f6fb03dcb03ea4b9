// The engine of OCI runtimes, shared by its files.
#ifndef CLOCHE_ENGINE_OCI_IMPL_H
#define CLOCHE_ENGINE_OCI_IMPL_H

#include <pthread.h>

#include "engine/cgroup_join.h"
#include "engine/engine_impl.h"
#include "engine/oci_bundle.h"
#include "engine/oci_run.h"

// What there is to know of a runtime.
typedef struct {
    const char *name;
    const char *always[2]; // options before its command
    const char *joins;     // that by which it leaves control groups alone, or NULL
    bool copies;           // is started from a sealed copy in memory: oci_seal
    bool compiles;         // the system call profile, and takes it compiled
} oci_tool_t;

// One that works.
typedef struct {
    const oci_tool_t *tool;
    int copy;     // what is started in its place, or -1
    buf_t filter; // what it made of the system call profile, in base64; empty: nothing
    bool joins;   // what it starts is in the control groups where it is itself
} program_t;

typedef struct {
    engine_t base;
    char images[CONFIG_TEXT + 16]; // <home>/images: a directory for each language
    char dir[CONFIG_TEXT + 16];    // <run>/oci: a bundle for each cell
    char cgroup[CONFIG_TEXT];
    buf_t seccomp;
    cgroups_t *groups; // NULL where they cannot be opened
    bool shared;       // cells put themselves into theirs
    bool hidden;       // the cgroup v2 beside v1 is a directory of ours
    int interrupt;
    int launch_ms;        // longest start of a cell
    pthread_mutex_t lock; // of the following
    program_t
        *chosen[RUNTIME_COUNT]; // what makes these cells, NULL: none works; never changed then
    bool tried;                 // by the look's thread alone
} oci_t;

// What makes cells of this runtime, or NULL.
const program_t *oci_chosen(oci_t *o, runtime_t runtime);
// Looks for a program that does, and chooses it.
void oci_choose(oci_t *o, runtime_t runtime, err_t *err);
void oci_program_free(program_t *p);

void oci_bundle_dir(const oci_t *o, const char *instance, char out[BUNDLE_PATH]);
int oci_make_bundle(oci_t *o, const program_t *program, const engine_spec_t *spec, const char *dir,
                    err_t *err) MUSTCHECK;
// The program with its options, its records in the bundle, and a command that `tail` completes; for the cell
// whose group this is.
int oci_call(oci_t *o, const program_t *program, const char *dir, const cgroup_t *group,
             const char *const tail[], int timeout_ms, char said[OCI_SAID], err_t *err) MUSTCHECK;

#endif
