// Looks at the engine from time to time: whether it answers, which runtimes it has, and which cells it
// has that nobody knows any more. Quickly while it is away, so that its return is noticed.

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/retry.h"

enum { LOOK_MS = 60000, AWAY_STEP_MS = 100, AWAY_STEP_MAX_MS = 2000 };

static void run_look(job_t *job)
{
    keeper_t *k = job->owner;
    health_t *h = &k->health;
    job->result = engine_ping(k->engine, h->found, &job->err);
    if (job->result == 0)
        job->result = engine_list(k->engine, &h->cells, &h->count, &job->err);
}

static void look(keeper_t *k)
{
    health_t *h = &k->health;
    if (h->under_way)
        return;
    h->under_way = true;
    loop_disarm(k->loop, &h->alarm);
    // While the engine is away nothing is launched, so this is at its turn at once.
    jobs_launch(k->jobs, &h->job);
}

static void on_alarm(alarm_t *alarm)
{
    look(alarm->owner);
}

static void take_runtimes(health_t *h)
{
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        if (!h->found[r] && (h->runtimes[r] || !h->known))
            log_warn("the engine does not have this runtime", "runtime", runtime_name((runtime_t)r),
                     NULL);
        h->runtimes[r] = h->found[r];
    }
    h->known = true;
}

static void away(keeper_t *k, const err_t *err)
{
    health_t *h = &k->health;
    if (h->failures++ == 0)
        log_fail(LOG_WARN, "the engine does not answer; ready cells go on being used", err, NULL);
    h->ok = false;
    int64_t ms = retry_ms(AWAY_STEP_MS, h->failures - 1, AWAY_STEP_MAX_MS);
    loop_arm(k->loop, &h->alarm, in_ms(clock_mono_ns(), ms));
}

static void on_looked(job_t *job)
{
    keeper_t *k = job->owner;
    health_t *h = &k->health;
    h->under_way = false;
    if (job->result < 0) {
        away(k, &job->err);
        return;
    }
    if (h->failures)
        log_info("the engine answers again", NULL);
    h->failures = 0;
    h->ok = true;
    take_runtimes(h);
    for (int i = 0; i < h->count; i++)
        recover_listed(k, &h->cells[i]);
    free(h->cells);
    h->cells = NULL;
    loop_arm(k->loop, &h->alarm, in_ms(clock_mono_ns(), LOOK_MS));
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++)
            lease_fail_waiting(k, (language_t)l, (runtime_t)r);
    supply_balance(k);
}

void health_note(keeper_t *k, int result, const err_t *err)
{
    bool lost = result < 0 && (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT);
    // A look under way will tell by itself.
    if (lost && k->health.ok && !k->health.under_way)
        away(k, err);
    else if (lost)
        k->health.ok = false;
}

void health_open(keeper_t *k)
{
    health_t *h = &k->health;
    h->job = (job_t){.run = run_look, .done = on_looked, .owner = k};
    h->alarm.fn = on_alarm;
    h->alarm.owner = k;
    look(k);
}

void health_close(keeper_t *k)
{
    free(k->health.cells);
    k->health.cells = NULL;
}
