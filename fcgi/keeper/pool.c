#include "keeper/pool.h"

#include <math.h>

#define RATE_S 10.0     // what is longer ago than this counts for little
#define MAKE_SHARE 0.25 // of the last one in the time to make one
#define RESERVE 1.5     // requests do not come evenly

enum {
    SHRINK_MS = 5000, // the size is too large for so long before each step down
    CELL_MB = 64,     // what a cell takes on average, its share of the engine included
    FIT_MIN = 4,
    FIT_MAX = 256,
};

static double rate_at(const pool_demand_t *d, int64_t now_ns)
{
    return d->per_s * exp(-(double)(now_ns - d->rate_ns) / 1e9 / RATE_S);
}

void pool_demand_taken(pool_demand_t *d, int64_t now_ns)
{
    d->per_s = rate_at(d, now_ns) + 1 / RATE_S;
    d->rate_ns = now_ns;
}

void pool_demand_made(pool_demand_t *d, int64_t took_ns)
{
    double took_s = (double)took_ns / 1e9;
    d->make_s = d->make_s > 0 ? d->make_s + MAKE_SHARE * (took_s - d->make_s) : took_s;
}

static uint32_t wanted_size(const pool_demand_t *d, int64_t now_ns, uint32_t least, uint32_t most)
{
    double size = round(rate_at(d, now_ns) * d->make_s * RESERVE);
    uint32_t bounded = size < most ? (uint32_t)size : most;
    return bounded > least ? bounded : least;
}

uint32_t pool_demand_size(pool_demand_t *d, int64_t now_ns, uint32_t least, uint32_t most)
{
    uint32_t wanted = wanted_size(d, now_ns, least, most);
    bool shrinks = wanted < d->size;
    if (shrinks && now_ns - d->sized_ns < (int64_t)SHRINK_MS * 1000000)
        return d->size;
    d->size = shrinks ? d->size - 1 : wanted;
    d->sized_ns = now_ns;
    return d->size;
}

int64_t pool_fill_ns(int64_t *since_ns, bool lacks, int64_t now_ns)
{
    if (!lacks)
        *since_ns = 0;
    else if (*since_ns == 0)
        *since_ns = now_ns;
    return lacks ? *since_ns + (int64_t)POOL_PUT_OFF_MS * 1000000 : now_ns;
}

// The pool whose request has waited longest for want of a cell, or -1.
static int neediest(const pool_load_t *loads, int count)
{
    int found = -1;
    for (int i = 0; i < count; i++)
        if (loads[i].open && loads[i].lacking &&
            (found < 0 || loads[i].lacking_ns < loads[found].lacking_ns))
            found = i;
    return found;
}

// Of the pools below their size that are not put off, the one with the fewest cells, the last used of several,
// or -1.
static int emptiest(const pool_load_t *loads, int count)
{
    int found = -1;
    uint32_t least = 0;
    for (int i = 0; i < count; i++) {
        uint32_t have = loads[i].ready + loads[i].coming;
        if (!loads[i].open || loads[i].put_off || have >= loads[i].size)
            continue;
        if (found < 0 || have < least ||
            (have == least && loads[i].used_ns > loads[found].used_ns)) {
            found = i;
            least = have;
        }
    }
    return found;
}

// The least recently used pool that has a ready cell, or -1.
static int victim(const pool_load_t *loads, int count)
{
    int found = -1;
    for (int i = 0; i < count; i++)
        if (loads[i].ready && (found < 0 || loads[i].used_ns < loads[found].used_ns))
            found = i;
    return found;
}

// A pool with more ready cells than it wants, or -1: those for whom they were made have left.
static int fullest(const pool_load_t *loads, int count)
{
    for (int i = 0; i < count; i++)
        if (loads[i].ready > loads[i].size && !loads[i].lacking)
            return i;
    return -1;
}

static bool may_fill(const pool_room_t *room)
{
    uint32_t half = room->max_making > 1 ? room->max_making / 2 : 1;
    return room->making < (room->leased ? half : room->max_making);
}

pool_step_t pool_next(const pool_load_t *loads, int count, const pool_room_t *room)
{
    const pool_step_t rest = {.action = POOL_REST, .pool = -1};
    const pool_step_t drop = {.action = POOL_DROP, .pool = -1};
    int surplus = fullest(loads, count);
    if (surplus >= 0)
        return (pool_step_t){.action = POOL_EVICT, .pool = surplus};
    if (room->tight && room->idle)
        return drop;
    if (room->making >= room->max_making)
        return rest;
    bool full = room->cells >= room->max_cells;
    int wanted = neediest(loads, count);
    if (wanted >= 0 && full && room->idle)
        return drop;
    if (wanted >= 0 && full) {
        int given_up = victim(loads, count);
        return given_up < 0 ? rest : (pool_step_t){.action = POOL_EVICT, .pool = given_up};
    }
    if (wanted < 0)
        wanted = may_fill(room) ? emptiest(loads, count) : -1;
    if (wanted >= 0 && full)
        return room->unused ? drop : rest;
    return wanted < 0 ? rest : (pool_step_t){.action = POOL_LAUNCH, .pool = wanted};
}

uint32_t pool_fit(int64_t available_kb)
{
    int64_t cells = available_kb / 2 / 1024 / CELL_MB;
    return cells < FIT_MIN ? FIT_MIN : cells > FIT_MAX ? FIT_MAX : (uint32_t)cells;
}
