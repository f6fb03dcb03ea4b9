// Cells that wait for the next request of the very function and revision that they have loaded: those of
// isolation `function` between two requests, and prepared ones. Nobody else ever gets one.

#include <poll.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/str.h"
#include "keeper/keeper.h"

// Freezing and thawing take as long as a small request. So a cell is frozen only when the next one has not
// come within this time, and what it does until then is bounded by the processor time that it may use.
enum { AWAKE_MS = 100, AWAKE_CPU_US = 5000 };

// Whether nothing is to be read and no end was closed: the next caller would be told what is not meant for
// him.
static bool is_quiet(const cell_t *c)
{
    struct pollfd p[LEASE_FDS];
    for (int i = 0; i < LEASE_FDS; i++)
        p[i] = (struct pollfd){.fd = c->fds[i], .events = POLLIN | POLLRDHUP};
    // What a prepared cell printed while it loaded is the log of its first call.
    return poll(p, c->state == CELL_PREPARED ? 1 : LEASE_FDS, 0) == 0;
}

// The worker saw nothing against it; the rest can be told from here.
static bool may_serve_again(const cell_t *c, const function_t *f)
{
    const keeper_t *k = c->keeper;
    return c->state == CELL_LEASED && !k->stopping && c->clean && c->served > 0 &&
           c->want.isolation == ISOLATION_FUNCTION && c->want.check_revision &&
           roster_check(f, &c->want) == REVISION_OK && c->served < k->config->idle_max_requests &&
           !c->usage.oom && cgroup_freezable(&c->body.group) && is_quiet(c);
}

static void on_unused(alarm_t *alarm)
{
    cell_t *c = alarm->owner;
    keeper_t *k = c->keeper;
    supply_end(c);
    supply_balance(k);
}

static void freeze(cell_t *c)
{
    c->frozen = true;
    freezer_set(c->keeper->freezer, &c->body.group, true);
}

// Freezes those that were awake for long enough, and comes back for the next.
static void on_awake(alarm_t *alarm)
{
    keeper_t *k = alarm->owner;
    int64_t now = clock_mono_ns();
    cell_t *c;
    DL_FOREACH (k->idle, c) {
        if (c->state != CELL_IDLE || c->frozen)
            continue;
        if (now < in_ms(c->since_ns, AWAKE_MS)) {
            loop_arm(k->loop, alarm, in_ms(c->since_ns, AWAKE_MS));
            return;
        }
        freeze(c);
    }
}

void idle_wait(cell_t *c)
{
    keeper_t *k = c->keeper;
    DL_APPEND(k->idle, c);
    c->since_ns = clock_mono_ns();
    c->alarm.fn = on_unused;
    loop_arm(k->loop, &c->alarm, in_ms(c->since_ns, k->config->idle_timeout_s * 1000));
    if (c->state == CELL_PREPARED) {
        freeze(c);
    } else if (!k->awake.on) {
        k->awake.fn = on_awake;
        k->awake.owner = k;
        loop_arm(k->loop, &k->awake, in_ms(c->since_ns, AWAKE_MS));
    }
}

bool idle_keep(cell_t *c, const function_t *f)
{
    if (!may_serve_again(c, f))
        return false;
    cell_move(c, CELL_IDLE);
    idle_wait(c);
    return true;
}

bool idle_rested(const cell_t *c, int64_t cpu_us)
{
    return c->state != CELL_IDLE || cpu_us - c->cpu_after_us <= AWAKE_CPU_US;
}

// The last used one: its memory is the warmest, and those beyond the need grow old. It was not frozen for a
// while after it began to wait, so what it may have said then is looked for once more.
cell_t *idle_find(keeper_t *k, const lease_request_t *want)
{
    cell_t *c = k->idle ? k->idle->prev : NULL, *before;
    cell_state_t state = want->isolation == ISOLATION_FUNCTION ? CELL_IDLE : CELL_PREPARED;
    if (!want->check_revision)
        return NULL;
    for (; c; c = before) {
        before = c == k->idle ? NULL : c->prev;
        if (c->state != state || !roster_alike(&c->want, want))
            continue;
        if (is_quiet(c))
            return c;
        if (state == CELL_IDLE)
            supply_end(c); // prepare.c sees to a prepared one
    }
    return NULL;
}

void idle_wake(cell_t *c)
{
    supply_take(c);
    loop_unwatch(c->keeper->loop, &c->control);
    if (c->frozen)
        freezer_set(c->keeper->freezer, &c->body.group, false);
    c->frozen = false;
}

void idle_changed(keeper_t *k, const function_t *f)
{
    cell_t *c, *next;
    DL_FOREACH_SAFE (k->idle, c, next)
        if (str_eq(c->want.function_id, f->id) && roster_check(f, &c->want) != REVISION_OK)
            supply_end(c);
}
