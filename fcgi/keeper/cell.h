// A cell, as the loop knows it: its state, what it is watched for, and whose it is.
//
//     creating → ready → (preparing → prepared) → leased → [idle → leased]* → dead
//
// One that an earlier keeper left is `found` until a worker claims it (leased) or nobody does (dead).
// Dead cells stay until everything they had is removed and their last lease has asked what it cost.
#ifndef CLOCHE_KEEPER_CELL_H
#define CLOCHE_KEEPER_CELL_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "core/frame.h"
#include "core/lease.h"
#include "keeper/body.h"
#include "keeper/jobs.h"
#include "keeper/loop.h"

// name, text, whether it counts against max_cells
#define CELL_STATES(X)                   \
    X(CELL_CREATING, "creating", true)   \
    X(CELL_READY, "ready", true)         \
    X(CELL_PREPARING, "preparing", true) \
    X(CELL_PREPARED, "prepared", true)   \
    X(CELL_LEASED, "leased", true)       \
    X(CELL_IDLE, "idle", true)           \
    X(CELL_FOUND, "found", false)        \
    X(CELL_DEAD, "dead", false)

typedef enum {
#define X(name, text, counts) name,
    CELL_STATES(X)
#undef X
        CELL_STATE_COUNT
} cell_state_t;

// How many cells are in which state, by language and runtime.
typedef struct {
    uint32_t n[LANG_COUNT][RUNTIME_COUNT][CELL_STATE_COUNT];
} census_t;

struct client;
struct keeper;

typedef struct cell {
    body_t body;
    cell_state_t state;
    census_t *census;
    struct keeper *keeper;

    watch_t listener, control, process, memory;
    // Until ready or prepared: the bound; while leased: the deadline; while it waits for its function: its
    // end; when dead: the next try.
    alarm_t alarm;
    job_t job;    // making or removing it
    bool working; // the job is with the launch threads, and so is the body
    unsigned tries;

    // Control, stdout, stderr; while it is leased only if it may serve again.
    int fds[LEASE_FDS];
    int connected;         // how many of them there are
    frame_reader_t reader; // of what the keeper reads on control: HELLO, READY
    int code;              // while it is prepared: the INIT frame that it is sent
    off_t code_sent, code_size;

    struct client *client; // whose lease it is
    bool claimed;          // a waiting request will take it; set while demand is counted
    lease_request_t want;  // what it was prepared or last granted for
    uint32_t served;       // how often it was granted; 0 for one that was taken over
    uint32_t calls;        // that its present lease had
    uint32_t calls_max;    // that it may have
    int64_t since_ns;      // when its making or preparing began, or when it became idle
    bool clean;            // the worker saw nothing against its serving again
    bool frozen;           // or about to be
    int64_t granted_ns;
    int64_t cpu_granted_us; // what it had used at the grant
    int64_t cpu_before_us;  // and at the beginning of the lease's last call
    int64_t cpu_after_us;   // at the release
    int64_t peak_before;    // peak memory that is an earlier lease's, -1 for none
    int64_t peak_highest;   // of all its leases
    int64_t fresh_bytes;    // gVisor: what it was charged for at its first grant
    lease_usage_t usage;    // what is known of the lease so far
    bool counted;           // CPU and memory in there are final
    bool removed;           // nothing of the body is left

    // Among the ready ones of its pool, or those that wait for their function; oldest first.
    struct cell *prev, *next;
    UT_hash_handle hh; // by id
} cell_t;

const char *cell_state_name(cell_state_t s);
// Whether cells in this state count against max_cells.
bool cell_state_counts(cell_state_t s);
// Whether the table allows the move.
bool cell_may(cell_state_t from, cell_state_t to);

// A new cell in a state to begin with (creating or found), counted in the census. NULL when out of
// memory.
cell_t *cell_new(const ground_t *ground, const char *id, language_t language, runtime_t runtime,
                 cell_state_t state, census_t *census);
// Frees what the loop has of it; what it was watched for must be over.
void cell_free(cell_t *c);

// The one way a state changes. A move that the table does not allow is a defect: it is logged and the
// program aborts, since a cell in a wrong state could be given to the wrong function.
void cell_move(cell_t *c, cell_state_t to);
// Corrects language and runtime of a cell that was found without knowing them.
void cell_retype(cell_t *c, language_t language, runtime_t runtime);

// Closes the keeper's copies of the sockets, and what was to be sent on them.
void cell_close_sockets(cell_t *c);

// How many cells of the census count against max_cells.
uint32_t census_living(const census_t *census);
// How many are in one state, over all languages and runtimes.
uint32_t census_in(const census_t *census, cell_state_t state);

#endif
