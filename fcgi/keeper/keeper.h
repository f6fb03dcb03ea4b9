// The keeper's own state, shared by the files of this layer, and what they offer each other. All of it
// belongs to the loop's thread.
//
//   server.c   connections of workers, one message at a time
//   lease.c    requests, grants, deadlines, releases
//   term.c     the time in which a worker may give a leased cell to further calls
//   idle.c     cells that wait for the next request of their function
//   prepare.c  cells that load a function's code ahead of its requests
//   supply.c   which cells are to be made or given up
//   launch.c   the making of a cell
//   end.c      the killing and removing of a cell
//   health.c   whether the engine answers, and what it has that is not ours any more
//   memory.c   how much the machine has left; processors.c whether it has time left
//   recover.c  what an earlier keeper left
#ifndef CLOCHE_KEEPER_KEEPER_H
#define CLOCHE_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/lease.h"
#include "keeper/cell.h"
#include "keeper/code.h"
#include "keeper/freezer.h"
#include "keeper/jobs.h"
#include "keeper/loop.h"
#include "keeper/pool.h"
#include "keeper/processors.h"
#include "keeper/roster.h"

enum { KEEPER_UIDS = 32768 };

// A connection of a worker thread: idle, waiting for a cell, or holding one.
typedef struct client {
    struct keeper *keeper;
    watch_t watch;
    waiter_t waiter;
    cell_t *cell;         // its lease
    function_t *function; // the lease's
    bool asked;           // for the lease's code
    alarm_t farewell;     // while a USAGE waits for the cell's exit status
    int64_t farewell_ns;  // and until when at most
    alarm_t ack;          // while the ACK of a CHANGED waits for terms to end
    struct client *prev, *next;
} client_t;

// What is known of making cells of one language and runtime.
typedef struct {
    cell_t *ready;   // oldest first
    int64_t used_ns; // when a request last asked for one
    pool_demand_t demand;
    int64_t short_ns;   // since when it is below its size, 0 while it is not
    unsigned failures;  // in a row
    int64_t failing_ns; // since when
    int64_t retry_ns;   // not before this
    char why[160];      // the last failure
} pool_t;

typedef struct {
    job_t job;
    alarm_t alarm; // the next look
    bool under_way;
    bool known; // the engine has answered at least once
    bool ok;    // it answered its last call
    unsigned failures;
    bool runtimes[RUNTIME_COUNT];
    bool found[RUNTIME_COUNT]; // by the look under way, as are the cells
    engine_cell_t *cells;
    int count;
} health_t;

typedef struct keeper {
    const config_t *config;
    engine_t *engine; // borrowed, as all of these
    cgroups_t *cgroups;
    loop_t *loop;
    jobs_t *jobs;
    freezer_t *freezer;
    ground_t ground;

    cell_t *cells; // all, by id
    cell_t *idle;  // idle, prepared or being prepared, the longest unused first
    alarm_t awake; // when the next of the idle ones is to be frozen
    census_t census;
    uint32_t max_cells;
    uint32_t launches; // at one time
    processors_t processors;
    uint32_t crowd;   // of short calls of one function: more at once would only be in the way
    alarm_t patience; // when a request that was left waiting for such a call is served otherwise
    pool_t pools[LANG_COUNT][RUNTIME_COUNT];
    alarm_t supply_alarm; // the end of a pool's backoff, the next look at sizes and memory, or:
    int64_t put_off_ns;   // the first filling that is put off is due; INT64_MAX without one
    int64_t looked_ns;    // when memory was last looked at
    bool tight;           // it was short then
    bool uids[KEEPER_UIDS];
    uint32_t last_uid;

    roster_t roster;
    codes_t codes;
    int64_t edition;  // of the routes; later than any that a keeper before this one had
    int64_t terms_ns; // when the last of the terms ends
    client_t *clients;
    uint32_t client_count;
    watch_t listener;

    health_t health;
    alarm_t grace; // for HOLDs, after the start
    bool settled;  // it is over
    bool stopping;
    alarm_t stop_alarm;
} keeper_t;

static inline pool_t *keeper_pool(keeper_t *k, const cell_t *c)
{
    return &k->pools[c->body.language][c->body.runtime];
}

static inline int64_t in_ms(int64_t from_ns, int64_t ms)
{
    return from_ns + ms * 1000000;
}

// ---- keeper.c

// Opens everything and begins to serve; `socket` is the listening lease socket, the keeper's from then on.
int keeper_open(keeper_t *k, const config_t *config, engine_t *engine, cgroups_t *cgroups,
                int socket, err_t *err) MUSTCHECK;
int keeper_run(keeper_t *k, err_t *err) MUSTCHECK;
// Takes no more requests, ends all cells and makes keeper_run return: when they are removed, or after a
// bound. May be called again.
void keeper_stop(keeper_t *k);
void keeper_close(keeper_t *k);

// ---- server.c

int server_open(keeper_t *k, int socket, err_t *err) MUSTCHECK;
void server_close(keeper_t *k);
// Sends without waiting. A client that does not read is closed soon after, never within this call.
void client_send(client_t *client, const lease_msg_t *msg, const int *fds, int nfds);
void client_tell(client_t *client, lease_type_t type);
// Ends the connection and what it has; the client is gone after this.
void client_close(client_t *client);

// ---- lease.c

void lease_ask(client_t *client, const lease_request_t *want);
void lease_cancel(client_t *client);
// The worker is done with its cell; server.c has checked what it says.
void lease_release(client_t *client, const lease_release_t *release);
// Ties a leased cell to a client, with a deadline.
void lease_bind(client_t *client, cell_t *c, function_t *f, int64_t deadline_ns);
// The client is gone: what it holds or waits for ends.
void lease_abandon(client_t *client);
// Gives a new cell what the function may use.
int lease_fit(cell_t *c, const lease_request_t *want, err_t *err) MUSTCHECK;
void lease_changed(keeper_t *k, const char *function_id, int64_t revision, bool deleted);
// The kernel killed a process of this leased cell for lack of memory.
void lease_out_of_memory(cell_t *c);
// Whether the request waits for a cell of its function that is at work, and needs no other for now.
bool lease_can_wait(const keeper_t *k, const waiter_t *w, int64_t now_ns);
// Gives ready cells to those who wait, in turns.
void lease_serve(keeper_t *k);
// Tells those who wait for a cell that is being made, once.
void lease_tell_launching(keeper_t *k);
// Tells everybody who waits for this kind of cell that none can be made.
void lease_fail_waiting(keeper_t *k, language_t language, runtime_t runtime);

// ---- term.c

// Terms that a keeper before this one gave may still run.
void term_open(keeper_t *k);
// After a GRANT: gives the lease a term, where further calls would wait for this cell and nobody else does.
void term_offer(client_t *client);
// Takes note of the calls that a lease had.
void term_settle(cell_t *c, const lease_release_t *release);
// Answers a CHANGED as soon as no worker may begin a call without asking any more.
void term_ack(client_t *client);

// ---- idle.c

// Keeps a cell whose lease is over for the next request of its function; false if it may not serve again.
bool idle_keep(cell_t *c, const function_t *f);
// Whether a cell did no more while it waited than come to rest, given its processor time now.
bool idle_rested(const cell_t *c, int64_t cpu_us);
// An idle or prepared cell that can serve this request, or NULL. It stays as it is until idle_wake.
cell_t *idle_find(keeper_t *k, const lease_request_t *want);
// Takes it out of those that wait and lets it run.
void idle_wake(cell_t *c);
// Ends those that the newest news of the function makes old.
void idle_changed(keeper_t *k, const function_t *f);
// Puts a cell among those that wait: freezes it (an idle one a little later), and ends it when it has waited
// too long.
void idle_wait(cell_t *c);

// ---- prepare.c

// A cell was granted for the client's lease: counts it, and asks for the function's code when it is wanted.
void prepare_called(client_t *client, bool prepared);
// The answer to that, a descriptor that is taken over. False when it was not asked for or cannot be used.
bool prepare_take_code(client_t *client, int fd);
// The client's lease is over: what it was asked for does not come any more.
void prepare_unask(client_t *client);
// The newest news of the function may make its code old.
void prepare_changed(keeper_t *k, const function_t *f);
// Brings the number of prepared cells to what is wanted of them, as far as there is room. True when a ready
// cell was taken for one.
bool prepare_balance(keeper_t *k);
// How many cells are prepared or being prepared.
uint32_t prepare_count(const keeper_t *k);
// The cell is ended, and its function has no more prepared ones for a while.
void prepare_failed(cell_t *c, const char *why);

// ---- supply.c

// Makes cells and gives them up until demand and sizes are met as far as they can be.
void supply_balance(keeper_t *k);
// Whether something that is kept in reserve, and lacks, is not to be filled yet (pool_fill_ns). If so,
// supply_balance comes back when it is.
bool supply_put_off(keeper_t *k, int64_t *since_ns, bool lacks);
// Why no cell of this kind can be had, or WHY_NONE while there is hope.
lease_why_t supply_hopeless(keeper_t *k, language_t language, runtime_t runtime);
// A user id that no cell has, the one that was unused for longest; to be freed.
uid_t supply_take_uid(keeper_t *k);
void supply_free_uid(keeper_t *k, uid_t uid);
// Marks the user id of a cell that was found as taken.
void supply_note_uid(keeper_t *k, uid_t uid);

// ---- launch.c

void supply_launch(keeper_t *k, language_t language, runtime_t runtime, uint32_t disk_mb);
// Watches the cell's control group for lack of memory.
int supply_watch_memory(cell_t *c, err_t *err) MUSTCHECK;

// ---- end.c

// Takes a cell out of the ready ones, or those that wait for their function.
void supply_take(cell_t *c);
// Ends a cell in any state: kills it, then removes all of it. The cell may be gone after this if it is no
// longer leased.
void supply_end(cell_t *c);
// The rest of supply_end for a cell that was being made when it was ended.
void supply_kill(cell_t *c);
// Frees a dead cell once nothing needs it any more.
void supply_forget(cell_t *c);
// Reads CPU, memory and OOM of a leased cell into c->usage.
void supply_count(cell_t *c);
// Processor time of its present call, as far as it was read.
int64_t supply_cpu_us(const cell_t *c);

// ---- memory.c

// Memory that the machine could still give, in kB; 0 if it cannot be told.
int64_t memory_available_kb(void);
// Whether so little is left, once `mb` more are taken, that nothing should be kept in reserve.
bool memory_is_short(int64_t mb);

// ---- health.c

void health_open(keeper_t *k);
void health_close(keeper_t *k);
// What a call to the engine came to; from here the keeper learns that it is away.
void health_note(keeper_t *k, int result, const err_t *err);

// ---- recover.c

// Finds the cells of an earlier keeper by their directories, and gives workers a while to claim theirs.
int recover_open(keeper_t *k, err_t *err) MUSTCHECK;
// A worker says that it holds this cell.
void recover_hold(client_t *client, const char *cell, const char *function_id, int64_t deadline_ns);
// The engine has this cell.
void recover_listed(keeper_t *k, const engine_cell_t *listed);

#endif
