// The end of a cell: every process killed, the figures read, then all of it removed.

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/retry.h"

enum {
    KILL_STEP_MS = 2, // until the next look at a killed cell, doubled with each
    KILL_STEP_MAX_MS = 250,
    KILL_TRIES = 40,
    REMOVE_STEP_MS = 100, // until the next try to remove, doubled with each
    REMOVE_STEP_MAX_MS = 10000,
    REMOVE_QUIET = 4, // tries that fail without a word: control groups stay busy for a moment
};

// A worker says what the call began with, which is not to make time run backwards.
int64_t supply_cpu_us(const cell_t *c)
{
    int64_t us = c->cpu_after_us - c->cpu_before_us;
    return us > 0 ? us : 0;
}

void supply_count(cell_t *c)
{
    meter_reading_t usage;
    if (c->counted)
        return;
    c->usage.oom = c->clean ? cgroup_oom_told(&c->body.group) : cgroup_oom(&c->body.group);
    if (meter_read(&c->body.group.meter, &usage, NULL) < 0)
        return;
    c->cpu_after_us = usage.cpu_us;
    c->usage.cpu_us = supply_cpu_us(c);
    bool ours = usage.memory_peak_bytes > c->peak_before;
    c->usage.memory_peak_bytes = ours ? usage.memory_peak_bytes : -1;
}

// ---- removing

static void run_remove(job_t *job)
{
    cell_t *c = job->owner;
    job->result = body_remove(&c->body, &c->keeper->ground, &job->err);
}

static void start_remove(cell_t *c)
{
    c->working = true;
    jobs_remove(c->keeper->jobs, &c->job);
}

// While the engine is away, asking it again would only keep the launch threads busy.
static void on_remove_again(alarm_t *alarm)
{
    cell_t *c = alarm->owner;
    if (c->keeper->health.ok)
        start_remove(c);
    else
        loop_arm(c->keeper->loop, alarm, in_ms(clock_mono_ns(), REMOVE_STEP_MS));
}

void supply_forget(cell_t *c)
{
    keeper_t *k = c->keeper;
    if (c->state != CELL_DEAD || !c->removed || c->client)
        return;
    HASH_DEL(k->cells, c);
    cell_free(c);
    if (k->stopping && !k->cells)
        loop_stop(k->loop);
}

static void on_removed(job_t *job)
{
    cell_t *c = job->owner;
    keeper_t *k = c->keeper;
    c->working = false;
    health_note(k, job->result, &job->err);
    if (job->result < 0) {
        int64_t ms = retry_ms(REMOVE_STEP_MS, c->tries++, REMOVE_STEP_MAX_MS);
        log_fail(c->tries > REMOVE_QUIET ? LOG_WARN : LOG_DEBUG, "a cell cannot be removed yet",
                 &job->err, "cell", c->body.id, NULL);
        c->alarm.fn = on_remove_again;
        loop_arm(k->loop, &c->alarm, in_ms(clock_mono_ns(), ms));
        return;
    }
    supply_free_uid(k, c->body.uid);
    c->removed = true;
    supply_forget(c);
    supply_balance(k);
}

static void remove_cell(cell_t *c)
{
    if (c->client) // who will ask for its figures
        supply_count(c);
    c->counted = true;
    c->tries = 0;
    c->job = (job_t){.run = run_remove, .done = on_removed, .owner = c};
    start_remove(c);
}

// ---- killing

// Kills until nothing is left alive, then removes. Processes may take a moment to die, and one that was
// being made while the others were killed is found in the next round.
static void kill_round(cell_t *c)
{
    bool empty = body_kill(&c->body);
    if (empty || c->tries >= KILL_TRIES) {
        if (!empty)
            log_error("a cell's processes do not die", "cell", c->body.id, NULL);
        loop_disarm(c->keeper->loop, &c->alarm);
        remove_cell(c);
        return;
    }
    int64_t ms = retry_ms(KILL_STEP_MS, c->tries++, KILL_STEP_MAX_MS);
    loop_arm(c->keeper->loop, &c->alarm, in_ms(clock_mono_ns(), ms));
}

static void on_kill_again(alarm_t *alarm)
{
    kill_round(alarm->owner);
}

void supply_kill(cell_t *c)
{
    c->tries = 0;
    c->alarm.fn = on_kill_again;
    kill_round(c);
}

void supply_take(cell_t *c)
{
    if (c->state == CELL_READY)
        DL_DELETE(keeper_pool(c->keeper, c)->ready, c);
    else if (c->state == CELL_PREPARING || c->state == CELL_PREPARED || c->state == CELL_IDLE)
        DL_DELETE(c->keeper->idle, c);
}

void supply_end(cell_t *c)
{
    loop_t *loop = c->keeper->loop;
    if (c->state == CELL_DEAD) {
        supply_forget(c);
        return;
    }
    supply_take(c);
    cell_move(c, CELL_DEAD);
    loop_disarm(loop, &c->alarm);
    loop_unwatch(loop, &c->listener);
    loop_unwatch(loop, &c->control);
    loop_unwatch(loop, &c->process);
    loop_unwatch(loop, &c->memory);
    cell_close_sockets(c);
    // While it is being made its body is a launch thread's; ending it goes on when it comes back.
    if (!c->working)
        supply_kill(c);
}
