// Runs an OCI runtime to its end, with bounds on its time and on what it may say.
#ifndef CLOCHE_ENGINE_OCI_RUN_H
#define CLOCHE_ENGINE_OCI_RUN_H

#include "base/err.h"
#include "engine/cgroup_join.h"

enum { OCI_SAID = 200 };

typedef struct {
    const char *const *argv;     // argv[0] is searched for in the standard directories
    int program;                 // what oci_seal made of it, or -1
    const cgroup_join_t *groups; // of these the program is a member, or NULL
    int timeout_ms;
    int interrupt; // a descriptor; once it is readable, the call fails
} oci_run_t;

// Makes the processes that runtimes leave behind ours, and lets them go as soon as they end: a pidfd
// tells how one ended only then, and whoever is process 1 may take its time. Children of the program have
// no exit status for it after this.
void oci_adopt(void);

// A copy of the program in memory that cannot be changed. crun makes one of itself at each start, lest a cell
// writes to it through /proc; from such a copy it starts once, not twice. A large program is in huge pages, of which
// each start maps a few, not thousands of small ones. ERR_UNAVAILABLE: no such program; ERR_INVALID: a script.
int oci_seal(const char *name, int *fd, err_t *err) MUSTCHECK;

// Returns when it has ended; `said` receives the end of what was written to stdout and stderr. Whether it
// has done its work is to be seen from what it made, for it may be gone before its status can be asked
// for. A cell that it started goes on. ERR_UNAVAILABLE: no such program, or interrupted; ERR_TIMEOUT.
int oci_run(const oci_run_t *run, char said[OCI_SAID], err_t *err) MUSTCHECK;

#endif
