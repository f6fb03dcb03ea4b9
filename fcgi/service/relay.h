// Hands a leased cell from one call of a worker process to the next of the same function, within the term that
// the keeper set (core/lease.h, MSG_TERM). While cells of a function go round here, further calls wait for one
// of them, a moment at most, and do not ask the keeper. All functions may be called by several threads.
#ifndef CLOCHE_SERVICE_RELAY_H
#define CLOCHE_SERVICE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lease.h"
#include "core/meter.h"
#include "service/lease_client.h"

typedef struct relay relay_t;
typedef struct relay_ring relay_ring_t; // the calls of a function that go round

// A cell as calls pass it on, with what was noted when the present one got it. It owns the descriptors.
typedef struct {
    lease_grant_t grant;
    int fds[LEASE_FDS]; // control, stdout, stderr
    lease_term_t term;  // until_ns is 0 where there is none: the cell goes back after this call
    meter_t meter;      // open where there is a term
    uint32_t calls;     // with the present one
} relay_cell_t;

// A call's place in its ring, NULL outside: it has one of the cells that go round, or asks the keeper for one.
typedef struct {
    relay_ring_t *ring;
} relay_place_t;

// `places`: how many calls of a function have a cell that goes round, or ask for one, before others wait.
relay_t *relay_new(unsigned places);
void relay_free(relay_t *r);

void relay_cell_init(relay_cell_t *c);

// A call that looks for a cell; all borrowed until it has one.
typedef struct {
    const lease_request_t *want;
    lease_client_t *keeper; // its thread's connection
    relay_place_t *place;
    relay_cell_t *cell;
    // Begins the call in the cell that it was handed. Called in the thread of the call before, so that the cell
    // does not wait until ours has woken up: it must not block.
    void (*begin)(void *ctx);
    void *ctx;
} relay_call_t;

// Before a call asks the keeper. True: another call has handed its cell over, and with it its connection to
// the keeper, now in *keeper, against the one that was there; the call has begun. False: the keeper is to be
// asked. Either way the place is left by relay_pass or relay_leave.
bool relay_wait(relay_t *r, const relay_call_t *call);

// The keeper has set a term for the cell of this call: the next ones may wait for it.
void relay_join(relay_t *r, const lease_request_t *want, relay_place_t *place);

// Whether somebody waits for the cell of this place.
bool relay_is_wanted(relay_t *r, const relay_place_t *place);

// Hands the cell to the call that waits for longest, as relay_wait says, and leaves. False if nobody waits.
bool relay_pass(relay_t *r, relay_place_t *place, lease_client_t *keeper, const relay_cell_t *cell);

// The cell is given back, or there was none: another call may go to the keeper instead.
void relay_leave(relay_t *r, relay_place_t *place);

#endif
