#include "keeper/roster.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/str.h"

enum {
    FUNCTIONS_MAX = 8192,
    SHORT_NS = 10 * 1000 * 1000,    // calls up to this
    PATIENCE_NS = 20 * 1000 * 1000, // are waited for up to this,
    PATIENCE_MAX_NS =
        10 * PATIENCE_NS,    // or this where another cell would only share the processors
    STALL_NS = 2 * SHORT_NS, // there, a longer call counts as this
    CALLS = 8,       // what the time of a call and the pace of a queue are averages of, about
    QUEUE_TELLS = 8, // waiting requests, from which on the pace foretells a time
    QUEUE_SHARE = 4  // of a queue that has overflowed so much of its length is in use
};

static void forget(roster_t *all, function_t *f)
{
    HASH_DEL(all->by_id, f);
    free(f);
}

void roster_free(roster_t *all)
{
    function_t *f, *next;
    HASH_ITER (hh, all->by_id, f, next)
        forget(all, f);
    *all = (roster_t){0};
}

static void make_room(roster_t *all)
{
    function_t *f, *next;
    if (HASH_COUNT(all->by_id) < FUNCTIONS_MAX)
        return;
    HASH_ITER (hh, all->by_id, f, next) {
        if (f->leased || f->waiters)
            continue;
        forget(all, f);
        return;
    }
}

function_t *roster_get(roster_t *all, const char *id)
{
    function_t *f;
    HASH_FIND_STR(all->by_id, id, f);
    if (f) {
        // The table keeps the order of insertion.
        HASH_DEL(all->by_id, f);
    } else {
        make_room(all);
        f = calloc(1, sizeof *f);
        if (!f)
            return NULL;
        str_copy(f->id, sizeof f->id, id);
        f->revision = -1;
    }
    HASH_ADD_STR(all->by_id, id, f);
    return f;
}

void roster_changed(function_t *f, int64_t revision, bool deleted)
{
    f->deleted = f->deleted || deleted;
    if (revision > f->revision)
        f->revision = revision;
}

revision_check_t roster_check(const function_t *f, const lease_request_t *want)
{
    if (!want->check_revision)
        return REVISION_OK;
    if (f->deleted)
        return REVISION_GONE;
    return want->revision < f->revision ? REVISION_STALE : REVISION_OK;
}

bool roster_alike(const lease_request_t *a, const lease_request_t *b)
{
    return a->revision == b->revision && a->language == b->language && a->runtime == b->runtime &&
           a->memory_mb == b->memory_mb && a->cpu_millis == b->cpu_millis &&
           a->disk_mb == b->disk_mb && str_eq(a->function_id, b->function_id);
}

bool roster_may_lease(const function_t *f, const lease_request_t *want)
{
    return f->leased < want->max_concurrency;
}

bool roster_others_wait(const roster_t *all, const function_t *f)
{
    const function_t *other;
    if (all->waiting == f->waiting)
        return false;
    DL_FOREACH (all->turns, other)
        if (other != f && roster_may_lease(other, &other->waiters->want))
            return true;
    return false;
}

int64_t roster_patience_max_ns(const waiter_t *w)
{
    return w->since_ns + PATIENCE_MAX_NS;
}

int64_t roster_patience_ns(const waiter_t *w, bool busy)
{
    int64_t least = w->since_ns + PATIENCE_NS;
    if (!busy)
        return least;
    int64_t most = roster_patience_max_ns(w), moved = w->function->served_ns + PATIENCE_NS;
    return moved < least ? least : moved < most ? moved : most;
}

bool roster_is_short(const function_t *f)
{
    return f->call_ns > 0 && f->call_ns <= SHORT_NS;
}

bool roster_can_wait(const function_t *f, const waiter_t *w, int64_t now_ns, bool busy)
{
    return w->want.isolation == ISOLATION_FUNCTION && f->leased > 0 && roster_is_short(f) &&
           now_ns < roster_patience_ns(w, busy);
}

static void average(int64_t *average_ns, int64_t ns)
{
    *average_ns += *average_ns ? (ns - *average_ns) / CALLS : ns;
}

int64_t roster_alone_ns(int64_t ns, int64_t cpu_ns, uint32_t leased, uint32_t cores)
{
    if (leased <= cores || ns <= cpu_ns)
        return ns;
    int64_t alone_ns = ns - cpu_ns * (leased - cores) / cores;
    return alone_ns > cpu_ns ? alone_ns : cpu_ns;
}

void roster_called(function_t *f, int64_t ns, bool busy)
{
    average(&f->call_ns, busy && ns > STALL_NS ? STALL_NS : ns);
}

void roster_wait(roster_t *all, function_t *f, waiter_t *w)
{
    if (!f->waiters)
        DL_APPEND(all->turns, f);
    DL_APPEND(f->waiters, w);
    w->function = f;
    f->waiting++;
    all->waiting++;
}

void roster_drop(roster_t *all, waiter_t *w)
{
    function_t *f = w->function;
    if (!f)
        return;
    DL_DELETE(f->waiters, w);
    if (!f->waiters) {
        DL_DELETE(all->turns, f);
        f->served = 0;
        f->pace_ns = 0;
        f->overflowed = false;
    }
    w->function = NULL;
    f->waiting--;
    all->waiting--;
}

void roster_served(roster_t *all, function_t *f, int64_t now_ns)
{
    if (!f->waiters)
        return;
    DL_DELETE(all->turns, f);
    DL_APPEND(all->turns, f);
    if (f->served++)
        average(&f->pace_ns, now_ns - f->served_ns);
    f->served_ns = now_ns;
}

int64_t roster_queue_ns(const function_t *f)
{
    return f->served > CALLS && f->waiting >= QUEUE_TELLS ? f->waiting * f->pace_ns : 0;
}

static int64_t room(const function_t *f, int64_t length)
{
    int64_t part = length / QUEUE_SHARE;
    if (!f->overflowed || length < QUEUE_TELLS)
        return length;
    return part > QUEUE_TELLS ? part : QUEUE_TELLS;
}

bool roster_is_over(function_t *f, int64_t length, int64_t timeout_ns)
{
    bool over = f->waiting > room(f, length) || roster_queue_ns(f) > timeout_ns;
    f->overflowed = f->overflowed || over;
    return over;
}
