// Launch threads: what may block (the engine, making and removing control groups) runs here, and its
// result comes back to the loop.
//
// Launches and removals have threads of their own: a request may wait for a launch, and an engine that lost
// track of a cell can take half a minute to remove it.
#ifndef CLOCHE_KEEPER_JOBS_H
#define CLOCHE_KEEPER_JOBS_H

#include <stdbool.h>

#include "base/err.h"
#include "keeper/loop.h"

typedef struct jobs jobs_t;

// Lives inside what it works on, which must stay until `done` was called.
typedef struct job {
    void (*run)(struct job *job);  // in a launch thread
    void (*done)(struct job *job); // in the loop, afterwards
    void *owner;
    int result; // of run: 0, or -1 with err
    err_t err;
    struct job *next;
} job_t;

// Starts `each` threads of both kinds.
int jobs_open(loop_t *loop, unsigned each, jobs_t **out, err_t *err) MUSTCHECK;
// Never fail and never wait.
void jobs_launch(jobs_t *jobs, job_t *job);
void jobs_remove(jobs_t *jobs, job_t *job);
// Ends the threads once they are done with what they are at; jobs that wait are dropped. May wait for as
// long as a job takes, so interrupt the engine first.
void jobs_close(jobs_t *jobs);

#endif
