// Demand and supply brought together: counts what waits, what is ready and what is being made, and
// carries out what the pool policy (pool.h) says.

#include <utlist.h>

#include "base/clock.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"
#include "keeper/pool.h"

enum {
    POOLS = LANG_COUNT * RUNTIME_COUNT,
    HOPELESS_FAILURES = 3, // so many in a row,
    HOPELESS_MS = 10000,   // over so long a time, and nobody is left waiting
    UNUSED_MS = 10000,     // an idle cell may be given up for a ready one after this
    LOOK_MS = 1000,        // between looks at sizes and memory while there is a reserve
    CELLS_SLACK = 64,      // dead cells may wait for their removal, but not without bound
};

// ---- user ids

void supply_note_uid(keeper_t *k, uid_t uid)
{
    if (uid >= CELL_UID_FIRST && uid < CELL_UID_FIRST + KEEPER_UIDS)
        k->uids[uid - CELL_UID_FIRST] = true;
}

// The free one that was unused for longest.
uid_t supply_take_uid(keeper_t *k)
{
    do
        k->last_uid = (k->last_uid + 1) % KEEPER_UIDS;
    while (k->uids[k->last_uid]);
    k->uids[k->last_uid] = true;
    return CELL_UID_FIRST + k->last_uid;
}

void supply_free_uid(keeper_t *k, uid_t uid)
{
    if (uid >= CELL_UID_FIRST && uid < CELL_UID_FIRST + KEEPER_UIDS)
        k->uids[uid - CELL_UID_FIRST] = false;
}

// ---- counting

lease_why_t supply_hopeless(keeper_t *k, language_t language, runtime_t runtime)
{
    const pool_t *pool = &k->pools[language][runtime];
    bool missing = k->health.known && !k->health.runtimes[runtime];
    bool failing = pool->failures >= HOPELESS_FAILURES &&
                   clock_mono_ns() >= in_ms(pool->failing_ns, HOPELESS_MS);
    if (!missing && !failing)
        return WHY_NONE;
    return runtime == RUNTIME_DOCKER ? WHY_ENGINE : WHY_RUNTIME;
}

// What of the demand is not covered yet, by pool.
typedef struct {
    pool_load_t loads[POOLS];
    uint32_t disk_mb[POOLS]; // of the cell that is lacking for longest
} demand_t;

static int pool_index(int language, int runtime)
{
    return language * RUNTIME_COUNT + runtime;
}

static bool fits(const cell_t *c, const lease_request_t *want)
{
    return c->body.language == want->language && c->body.runtime == want->runtime &&
           c->body.disk_mb == want->disk_mb;
}

static bool claim_coming(keeper_t *k, const lease_request_t *want)
{
    for (cell_t *c = k->cells; c; c = c->hh.next) {
        if (c->state != CELL_CREATING || c->claimed || !fits(c, want))
            continue;
        c->claimed = true;
        return true;
    }
    return false;
}

// Requests that their function's max_concurrency holds back, or that wait for one that is at work, need no
// cell yet. Where short calls run out of patience, one cell more at a time is tried: the making of many takes the
// time of those at work, and with it the patience of the next. That ends where it does not help in time, as when
// calls are not short any more.
static void count_waiting(keeper_t *k, function_t *f, demand_t *d)
{
    uint32_t due = f->leased;
    bool gradual = f->leased > 0 && roster_is_short(f), growing = false;
    int64_t now = clock_mono_ns();
    waiter_t *w;
    DL_FOREACH (f->waiters, w) {
        if (due >= w->want.max_concurrency || lease_can_wait(k, w, now))
            continue;
        if (gradual && w->want.isolation == ISOLATION_FUNCTION && now < roster_patience_max_ns(w)) {
            if (growing)
                continue;
            growing = true;
        }
        due++;
        if (claim_coming(k, &w->want)) {
            w->launching = true;
            continue;
        }
        int i = pool_index(w->want.language, w->want.runtime);
        pool_load_t *load = &d->loads[i];
        if (load->lacking++ == 0 || w->since_ns < load->lacking_ns) {
            load->lacking_ns = w->since_ns;
            d->disk_mb[i] = w->want.disk_mb;
        }
    }
}

// A pool whose last launch failed makes one cell at a time.
static bool is_open(const keeper_t *k, const pool_t *pool, int runtime, uint32_t creating)
{
    return !k->stopping && k->health.ok && k->health.runtimes[runtime] &&
           clock_mono_ns() >= pool->retry_ns && (pool->failures == 0 || creating == 0) &&
           HASH_COUNT(k->cells) < 2 * k->max_cells + CELLS_SLACK;
}

// Not more than half of all cells for one pool, and no reserve when memory is short.
static uint32_t wanted_size(const keeper_t *k, pool_t *pool)
{
    uint32_t least = (uint32_t)k->config->pool_size;
    return pool_demand_size(&pool->demand, clock_mono_ns(), least,
                            k->tight ? least : k->max_cells / 2);
}

bool supply_put_off(keeper_t *k, int64_t *since_ns, bool lacks)
{
    int64_t now = clock_mono_ns(), due = pool_fill_ns(since_ns, lacks, now);
    if (due <= now)
        return false;
    if (due < k->put_off_ns)
        k->put_off_ns = due;
    return true;
}

static void count_demand(keeper_t *k, demand_t *d)
{
    *d = (demand_t){0};
    for (cell_t *c = k->cells; c; c = c->hh.next)
        c->claimed = false;
    function_t *f;
    DL_FOREACH (k->roster.turns, f)
        count_waiting(k, f, d);
    for (cell_t *c = k->cells; c; c = c->hh.next) {
        pool_load_t *load = &d->loads[pool_index(c->body.language, c->body.runtime)];
        if (c->state == CELL_READY)
            load->ready++;
        else if (c->state == CELL_CREATING && !c->claimed && c->body.disk_mb == LIMIT_DISK_MB)
            load->coming++;
    }
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            pool_load_t *load = &d->loads[pool_index(l, r)];
            load->size = wanted_size(k, &k->pools[l][r]);
            load->used_ns = k->pools[l][r].used_ns;
            load->open = is_open(k, &k->pools[l][r], r, k->census.n[l][r][CELL_CREATING]);
            load->put_off = supply_put_off(k, &k->pools[l][r].short_ns,
                                           load->ready + load->coming < load->size);
        }
}

static pool_room_t count_room(const keeper_t *k)
{
    pool_room_t room = {.cells = census_living(&k->census),
                        .max_cells = k->max_cells,
                        .making = census_in(&k->census, CELL_CREATING),
                        .max_making = k->launches,
                        .idle = census_in(&k->census, CELL_IDLE) + prepare_count(k),
                        .leased = census_in(&k->census, CELL_LEASED),
                        .tight = k->tight};
    int64_t now = clock_mono_ns();
    const cell_t *c;
    DL_FOREACH (k->idle, c)
        room.unused += now >= in_ms(c->since_ns, UNUSED_MS);
    return room;
}

// ---- acting

static bool is_wanted(const keeper_t *k, const cell_t *c)
{
    const function_t *f;
    const waiter_t *w;
    DL_FOREACH (k->roster.turns, f)
        DL_FOREACH (f->waiters, w)
            if (fits(c, &w->want))
                return true;
    return false;
}

// A cell that was made for one function's settings is no use to the pool once nobody waits for it.
static void drop_unwanted(keeper_t *k, pool_t *pool)
{
    cell_t *c, *next;
    DL_FOREACH_SAFE (pool->ready, c, next) {
        if (c->body.disk_mb == LIMIT_DISK_MB || is_wanted(k, c))
            continue;
        supply_end(c);
    }
}

static void on_alarm(alarm_t *alarm)
{
    keeper_t *k = alarm->owner;
    int64_t now = clock_mono_ns();
    if (now >= in_ms(k->looked_ns, LOOK_MS)) {
        k->tight = memory_is_short(0);
        k->looked_ns = now;
    }
    supply_balance(k);
}

// Comes back when what was put off is due, when the first of the pools that had failures may try again, and
// soon while there is more than the least to be kept.
static void arm_alarm(keeper_t *k)
{
    int64_t now = clock_mono_ns(), first = k->put_off_ns;
    bool reserve = k->idle != NULL;
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            const pool_t *pool = &k->pools[l][r];
            reserve = reserve || pool->demand.size > k->config->pool_size;
            if (pool->retry_ns > now && pool->retry_ns < first)
                first = pool->retry_ns;
        }
    int64_t look = in_ms(k->looked_ns, LOOK_MS);
    if (reserve && look < first)
        first = look > now ? look : in_ms(now, 1);
    k->supply_alarm.fn = on_alarm;
    k->supply_alarm.owner = k;
    if (first != INT64_MAX)
        loop_arm(k->loop, &k->supply_alarm, first);
}

// One step of the pools; false when there is none to do.
static bool step_pools(keeper_t *k)
{
    demand_t d;
    count_demand(k, &d);
    pool_room_t room = count_room(k);
    pool_step_t step = pool_next(d.loads, POOLS, &room);
    language_t language = (language_t)(step.pool / RUNTIME_COUNT);
    runtime_t runtime = (runtime_t)(step.pool % RUNTIME_COUNT);
    if (step.action == POOL_LAUNCH) {
        bool waited = d.loads[step.pool].lacking > 0;
        supply_launch(k, language, runtime, waited ? d.disk_mb[step.pool] : LIMIT_DISK_MB);
    } else if (step.action == POOL_EVICT) {
        cell_t *c = k->pools[language][runtime].ready;
        supply_end(c);
    } else if (step.action == POOL_DROP) {
        supply_end(k->idle);
        k->tight = false; // until the next look: what was given up takes a moment to come back
    }
    return step.action != POOL_REST;
}

void supply_balance(keeper_t *k)
{
    k->put_off_ns = INT64_MAX;
    for (int i = 0; i < POOLS; i++)
        drop_unwanted(k, &k->pools[i / RUNTIME_COUNT][i % RUNTIME_COUNT]);
    do {
        while (step_pools(k))
            ;
    } while (prepare_balance(k)); // what it takes from the pools is made anew
    lease_tell_launching(k);
    arm_alarm(k);
}
