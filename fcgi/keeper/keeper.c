#include "keeper/keeper.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum { STOP_MS = 10000, LAUNCHES_MIN = 2, LAUNCHES_MAX = 16 };

enum { CROWD_PER_CORE = 2 }; // while one runs, its neighbour's answer is on the way

// dockerd does most of a launch one after the other. An OCI runtime waits about as long as it works, for
// the kernel's locks of control groups and namespaces, so more of them are needed to fill the cores.
static unsigned launches(const config_t *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long n = str_eq(config->engine, "oci") ? 2 * cores : cores / 2;
    if (config->launches)
        return (unsigned)config->launches;
    return n < LAUNCHES_MIN ? LAUNCHES_MIN : n > LAUNCHES_MAX ? LAUNCHES_MAX : (unsigned)n;
}

int keeper_open(keeper_t *k, const config_t *config, engine_t *engine, cgroups_t *cgroups,
                int socket, err_t *err)
{
    *k = (keeper_t){.config = config, .engine = engine, .cgroups = cgroups, .ground.dir = -1};
    k->listener.fd = socket;
    k->edition = clock_mono_ns();
    term_open(k);
    k->max_cells =
        config->max_cells ? (uint32_t)config->max_cells : pool_fit(memory_available_kb());
    k->launches = launches(config);
    k->processors.count = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    k->crowd = CROWD_PER_CORE * k->processors.count;
    codes_open(&k->codes, (size_t)config->code_mb << 20);
    if (ground_open(&k->ground, config, engine, cgroups, err) < 0 || loop_open(&k->loop, err) < 0 ||
        jobs_open(k->loop, k->launches, &k->jobs, err) < 0 || freezer_open(&k->freezer, err) < 0 ||
        recover_open(k, err) < 0 || server_open(k, socket, err) < 0) {
        keeper_close(k);
        return -1;
    }
    health_open(k);
    return 0;
}

int keeper_run(keeper_t *k, err_t *err)
{
    return loop_run(k->loop, err);
}

static void on_stop_bound(alarm_t *alarm)
{
    keeper_t *k = alarm->owner;
    log_warn("not all cells could be removed; the next keeper does it", NULL);
    loop_stop(k->loop);
}

void keeper_stop(keeper_t *k)
{
    cell_t *c, *next;
    if (k->stopping)
        return;
    k->stopping = true;
    server_close(k);
    HASH_ITER (hh, k->cells, c, next)
        supply_end(c);
    k->stop_alarm.fn = on_stop_bound;
    k->stop_alarm.owner = k;
    loop_arm(k->loop, &k->stop_alarm, in_ms(clock_mono_ns(), STOP_MS));
    if (!k->cells)
        loop_stop(k->loop);
}

void keeper_close(keeper_t *k)
{
    cell_t *c, *next;
    k->stopping = true;
    server_close(k);
    // What the threads are at ends soon; after this nobody but us touches a cell.
    engine_interrupt(k->engine);
    jobs_close(k->jobs);
    freezer_close(k->freezer);
    HASH_ITER (hh, k->cells, c, next) {
        HASH_DEL(k->cells, c);
        cell_free(c);
    }
    roster_free(&k->roster);
    codes_free(&k->codes);
    health_close(k);
    ground_close(&k->ground);
    loop_close(k->loop);
}
