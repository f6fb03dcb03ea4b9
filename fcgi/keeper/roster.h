// What the keeper knows of functions: the newest revision, how many cells they hold, and which requests
// wait for one. Bounded: functions of which nothing is running or waiting are forgotten, oldest first.
#ifndef CLOCHE_KEEPER_ROSTER_H
#define CLOCHE_KEEPER_ROSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "core/ids.h"
#include "core/lease.h"
#include "keeper/loop.h"

// A request that waits for a cell. Lives inside its client.
typedef struct waiter {
    lease_request_t want;
    struct function *function; // NULL while it does not wait
    int64_t since_ns;
    bool starved;   // there was a time when it could have had a cell, but none was ready
    bool launching; // a cell is being made for it
    bool told;      // and its worker knows
    alarm_t patience;
    struct waiter *prev, *next; // first come first
} waiter_t;

typedef struct function {
    char id[ID_TEXT];
    int64_t revision; // newest that was told, -1 for none
    bool deleted;
    uint32_t leased; // cells it holds now
    int64_t call_ns; // how long it lately had one for a call, 0 while unknown
    waiter_t *waiters;
    uint32_t waiting;
    // Since somebody began to wait:
    uint32_t served;              // how many were, others waiting
    int64_t served_ns;            // when the last one was
    int64_t pace_ns;              // from one to the next, lately
    bool overflowed;              // somebody was refused
    struct function *prev, *next; // among those with waiters, in turns
    UT_hash_handle hh;            // by id, the longest unused first
} function_t;

typedef struct {
    function_t *by_id;
    function_t *turns; // those with waiters; the next to be served first
    uint32_t waiting;
} roster_t;

typedef enum { REVISION_OK, REVISION_STALE, REVISION_GONE } revision_check_t;

void roster_free(roster_t *all);
// Finds or makes it, and counts it as used now. NULL when out of memory.
function_t *roster_get(roster_t *all, const char *id);

// Notes a revision or a deletion; news that is older than what is known changes nothing.
void roster_changed(function_t *f, int64_t revision, bool deleted);
revision_check_t roster_check(const function_t *f, const lease_request_t *want);
// Whether a cell that is fit for one of the requests, with the code of the one, is fit for the other.
bool roster_alike(const lease_request_t *a, const lease_request_t *b);
// Whether one more cell is within the max_concurrency that this request names.
bool roster_may_lease(const function_t *f, const lease_request_t *want);
// Whether another function has a request that waits for a cell, and not for one of its own to come back.
bool roster_others_wait(const roster_t *all, const function_t *f);
// Whether the request had better wait for a cell that the function has at work than take another one: its calls
// are so short that one will be back sooner than another helps, unless it has waited for long already.
bool roster_can_wait(const function_t *f, const waiter_t *w, int64_t now_ns, bool busy);
// Whether its calls are as short as that.
bool roster_is_short(const function_t *f);
// When that ends for a request. Later while all processors are `busy` and the queue moves.
int64_t roster_patience_ns(const waiter_t *w, bool busy);
// When it ends for a request at the latest.
int64_t roster_patience_max_ns(const waiter_t *w);
// How long a call of `ns`, of which `cpu_ns` were processor time, would have taken had not `leased` cells of its
// function shared the `cores`: each gets an equal share (L. Kleinrock, Time-shared Systems: A theoretical
// treatment, J. ACM 14, 1967), so beside its own time it waits for that of leased / cores - 1 others.
int64_t roster_alone_ns(int64_t ns, int64_t cpu_ns, uint32_t leased, uint32_t cores);
// Notes how long a call would have had its cell alone. While all processors are `busy`, one may have stood still.
void roster_called(function_t *f, int64_t ns, bool busy);

void roster_wait(roster_t *all, function_t *f, waiter_t *w);
// Takes it out; one that does not wait is left alone.
void roster_drop(roster_t *all, waiter_t *w);
// Puts a function that was served behind the others that wait, and notes how fast its queue moves.
void roster_served(roster_t *all, function_t *f, int64_t now_ns);
// How long the last one in a function's queue has to wait at its present pace; 0 while that is not known well.
int64_t roster_queue_ns(const function_t *f);
// Whether the last one in a function's queue is to be refused at once: there is no room, or it would wait for
// longer than the timeout. A queue takes up to `length` requests of a burst. Once it has overflowed, more come than
// can be served, and a long queue makes all who are served wait for nothing: until it has been empty it is kept
// short (as K. Nichols and V. Jacobson, Controlling Queue Delay, 2012, tell a burst from a standing queue).
bool roster_is_over(function_t *f, int64_t length, int64_t timeout_ns);

#endif
