// Pool policy: which cell to make or to give up next. Pure decisions on counts; nothing is done here.
//
// Requests that wait come before pools that are below their size. To make room for a waiting request an
// idle cell is given up, and when there is none a ready one of the least recently used pool; to fill a pool,
// only an idle cell that is not in use any more. While functions run, pools are filled with half of the
// launches only: the cores are theirs. When memory is short idle cells are given up. What a pool has beyond its size, when requests left that
// cells were made for, is given up too.
#ifndef CLOCHE_KEEPER_POOL_H
#define CLOCHE_KEEPER_POOL_H

#include <stdbool.h>
#include <stdint.h>

// What a pool's size follows: how often a cell was taken of late, and how long one takes to make. All zero
// to begin with.
typedef struct {
    double per_s; // as of rate_ns
    int64_t rate_ns;
    double make_s; // 0 while none was made
    uint32_t size;
    int64_t sized_ns; // when the size was last right or changed
} pool_demand_t;

// One cell of the pool was taken.
void pool_demand_taken(pool_demand_t *d, int64_t now_ns);
// One was made, in so long.
void pool_demand_made(pool_demand_t *d, int64_t took_ns);
// How many ready cells there should be: what is taken while one is made, with a reserve, within bounds
// (`least` before `most`). Grows at once and shrinks by one at a time, so that it does not swing.
uint32_t pool_demand_size(pool_demand_t *d, int64_t now_ns, uint32_t least, uint32_t most);

enum { POOL_PUT_OFF_MS = 15 }; // a call that found its cell ready mostly has its answer by then

// From when on a reserve may be filled: a moment after it came to lack something, as the call that took from it
// wants the cores now. However much more is taken meanwhile, it is not put off further. `since_ns` is when it
// came to lack, 0 while it does not, and kept by the caller from one look to the next.
int64_t pool_fill_ns(int64_t *since_ns, bool lacks, int64_t now_ns);

// The state of one pool, of one language and runtime.
typedef struct {
    uint32_t ready;     // cells that wait for a request
    uint32_t coming;    // cells being made that no waiting request will take
    uint32_t lacking;   // waiting requests for which no cell is being made
    int64_t lacking_ns; // when the first of them came
    uint32_t size;      // ready cells wanted
    int64_t used_ns;    // when a request last asked for one of its cells
    bool open;          // cells can be made now
    bool put_off;       // it is not to be filled yet (see pool_fill_ns)
} pool_load_t;

typedef struct {
    uint32_t cells, max_cells;   // that live, and may
    uint32_t making, max_making; // that are being made, and may be at one time
    uint32_t idle;               // that wait for their own function
    uint32_t unused;             // of those, for so long that it may not come again
    uint32_t leased;             // that run functions
    bool tight;                  // the machine is short of memory
} pool_room_t;

typedef struct {
    // DROP is the end of the idle cell that is unused for longest.
    enum { POOL_REST, POOL_LAUNCH, POOL_EVICT, POOL_DROP } action;
    int pool; // index into the loads; -1 for REST and DROP
} pool_step_t;

// The next thing to do, POOL_REST when there is none. After a step the caller counts anew and asks again.
pool_step_t pool_next(const pool_load_t *loads, int count, const pool_room_t *room);

// How many cells fit into this much available memory, in kB as in /proc/meminfo.
uint32_t pool_fit(int64_t available_kb);

#endif
