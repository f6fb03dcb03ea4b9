// Prepared cells policy: how many cells with its code loaded a function should have, and whether there is
// room to make one. Pure decisions on counts and rates; nothing is done here.
//
// A function that is called often is hot, and stays so until it is called much less. A hot one has at least
// one prepared cell, and as many as are taken while one loads.
#ifndef CLOCHE_KEEPER_HEAT_H
#define CLOCHE_KEEPER_HEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/pool.h"

// All zero to begin with.
typedef struct {
    double calls; // in the last minute, as of calls_ns; the older the less each counts
    int64_t calls_ns;
    bool hot;
    pool_demand_t demand; // what is taken of it, and how long it loads
} heat_t;

// The function was called.
void heat_called(heat_t *h, int64_t now_ns);
// Its code was loaded, in so long.
void heat_loaded(heat_t *h, int64_t took_ns);
// How many prepared cells it should have, `most` at most; `after` is the number of calls in a minute from
// which it has any.
uint32_t heat_size(heat_t *h, int64_t now_ns, uint32_t after, uint32_t most);

typedef struct {
    uint32_t cells, max_cells;         // that live, and may
    uint32_t preparing, max_preparing; // that load at this moment, and may
    uint32_t kept, max_kept;           // prepared or being prepared, and may be, of all functions
    uint32_t have;                     // of those, this function's
    uint32_t ready, ready_size; // in the pool that the cell would be taken from, and wanted there
    bool tight;                 // the machine is short of memory
} heat_room_t;

// Whether a ready cell may be taken for a hot function that has too few. A function's first one may be the
// last of the pool, as its next call would take that anyway; further ones leave half of the pool to functions
// that are called seldom. There must be room for the cell that takes the place of the ready one.
bool heat_has_room(const heat_room_t *room);

#endif
