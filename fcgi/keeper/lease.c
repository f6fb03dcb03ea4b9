#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"

enum {
    RETRY_AFTER_S = 1,
    // A process that closed its sockets is gone within this: a sandbox takes its time on a busy machine. A
    // worker waits 2 s for its USAGE.
    FAREWELL_MS = 1500,
    FAREWELL_STEP_MS = 1,
    STILL_CHARGED = 8 << 20, // and more tells of an earlier call
};

static client_t *client_of(waiter_t *w)
{
    return w->patience.owner;
}

static void stop_waiting(client_t *client)
{
    loop_disarm(client->keeper->loop, &client->waiter.patience);
    roster_drop(&client->keeper->roster, &client->waiter);
}

// ---- asking

// 429 where the function's own limit stands in the way, else 503.
static void refuse(client_t *client)
{
    waiter_t *w = &client->waiter;
    bool own_limit = !roster_may_lease(w->function, &w->want);
    lease_msg_t msg = {.type = MSG_BUSY,
                       .busy = {.status = own_limit ? 429 : 503, .retry_after_s = RETRY_AFTER_S}};
    stop_waiting(client);
    client_send(client, &msg, NULL, 0);
}

static void on_patience(alarm_t *alarm)
{
    refuse(alarm->owner);
}

static void fail(client_t *client, lease_why_t why)
{
    const lease_request_t *want = &client->waiter.want;
    const pool_t *pool = &client->keeper->pools[want->language][want->runtime];
    lease_msg_t msg = {.type = MSG_FAILED, .failed.why = (uint8_t)why};
    if (pool->why[0])
        str_copy(msg.failed.text, sizeof msg.failed.text, pool->why);
    else
        snprintf(msg.failed.text, sizeof msg.failed.text, "the %s runtime is not on this machine",
                 runtime_name((runtime_t)want->runtime));
    stop_waiting(client);
    client_send(client, &msg, NULL, 0);
}

static void tell_stale(client_t *client)
{
    lease_msg_t msg = {.type = MSG_STALE, .stale.edition = client->keeper->edition};
    client_send(client, &msg, NULL, 0);
}

// True, and the client is told, when the revision it asks for is not to be run.
static bool outdated(client_t *client, const function_t *f)
{
    revision_check_t check = roster_check(f, &client->waiter.want);
    if (check == REVISION_OK)
        return false;
    stop_waiting(client);
    if (check == REVISION_GONE)
        client_tell(client, MSG_GONE);
    else
        tell_stale(client);
    return true;
}

void lease_ask(client_t *client, const lease_request_t *want)
{
    keeper_t *k = client->keeper;
    waiter_t *w = &client->waiter;
    function_t *f = roster_get(&k->roster, want->function_id);
    w->want = *want;
    w->since_ns = clock_mono_ns();
    w->starved = w->launching = w->told = false;
    k->pools[want->language][want->runtime].used_ns = w->since_ns;
    if (!f) {
        fail(client, WHY_ENGINE);
        return;
    }
    if (outdated(client, f))
        return;
    if (want->edition != EDITION_ANY && want->edition < k->edition) {
        tell_stale(client);
        return;
    }
    // It joins the queue even when it is to be served at once: one way to be served, and in turn.
    roster_wait(&k->roster, f, w);
    w->patience.fn = on_patience;
    loop_arm(k->loop, &w->patience, in_ms(w->since_ns, k->config->queue_timeout_ms));
    lease_serve(k);
    if (!w->function) {
        supply_balance(k);
        return;
    }
    lease_why_t why = supply_hopeless(k, (language_t)want->language, (runtime_t)want->runtime);
    if (why != WHY_NONE)
        fail(client, why);
    else if (roster_is_over(f, k->config->queue_length, k->config->queue_timeout_ms * 1000000))
        refuse(client); // now, and not after a wait for nothing
    else
        supply_balance(k);
}

void lease_cancel(client_t *client)
{
    // With a GRANT or a refusal on its way the worker has its answer already.
    if (!client->waiter.function)
        return;
    stop_waiting(client);
    lease_msg_t msg = {.type = MSG_USAGE, .usage = {.memory_peak_bytes = -1, .exit_status = -1}};
    client_send(client, &msg, NULL, 0);
}

void lease_changed(keeper_t *k, const char *function_id, int64_t revision, bool deleted)
{
    function_t *f = roster_get(&k->roster, function_id);
    if (!f)
        return;
    roster_changed(f, revision, deleted);
    k->edition++;
    idle_changed(k, f);
    prepare_changed(k, f);
    waiter_t *w, *next;
    DL_FOREACH_SAFE (f->waiters, w, next)
        outdated(client_of(w), f);
}

void lease_tell_launching(keeper_t *k)
{
    const function_t *f;
    waiter_t *w;
    DL_FOREACH (k->roster.turns, f)
        DL_FOREACH (f->waiters, w) {
            if (w->launching && !w->told)
                client_tell(client_of(w), MSG_LAUNCHING);
            w->told = w->launching;
        }
}

void lease_fail_waiting(keeper_t *k, language_t language, runtime_t runtime)
{
    lease_why_t why = supply_hopeless(k, language, runtime);
    client_t *client;
    if (why == WHY_NONE)
        return;
    DL_FOREACH (k->clients, client) {
        const waiter_t *w = &client->waiter;
        if (w->function && w->want.language == language && w->want.runtime == runtime)
            fail(client, why);
    }
}

// ---- granting

// The worker is told first: it can answer its client while the processes are hunted down.
static void kill_lease(cell_t *c, lease_why_t why)
{
    c->usage.killed = (uint8_t)why;
    client_send(c->client, &(lease_msg_t){.type = MSG_KILLED, .killed.why = (uint8_t)why}, NULL, 0);
    supply_end(c);
}

static void on_deadline(alarm_t *alarm)
{
    kill_lease(alarm->owner, WHY_TIMEOUT);
}

void lease_out_of_memory(cell_t *c)
{
    c->usage.oom = true;
    kill_lease(c, WHY_OOM);
}

void lease_bind(client_t *client, cell_t *c, function_t *f, int64_t deadline_ns)
{
    cell_move(c, CELL_LEASED);
    c->client = client;
    c->clean = false;
    c->calls = 1;
    c->calls_max =
        c->served > 0 ? 1 : LIMIT_TERM_CALLS; // one that is taken over may have had a term
    c->granted_ns = clock_mono_ns();
    client->cell = c;
    client->function = f;
    f->leased++;
    c->alarm.fn = on_deadline;
    loop_arm(client->keeper->loop, &c->alarm, deadline_ns);
}

int lease_fit(cell_t *c, const lease_request_t *want, err_t *err)
{
    body_t *b = &c->body;
    uint64_t memory = (uint64_t)want->memory_mb << 20;
    if (memory > b->memory) {
        if (cgroup_limit_memory(&b->group, memory, err) < 0)
            return -1;
        b->memory = memory;
    }
    return cgroup_limit_cpu(&b->group, want->cpu_millis, err);
}

// A sandbox gives memory back when it likes. Right after its peak was reset, that is what it is charged for: much
// more than at first is still an earlier call's.
static bool is_still_charged(cell_t *c)
{
    meter_reading_t now;
    if (c->body.runtime != RUNTIME_GVISOR || meter_read(&c->body.group.meter, &now, NULL) < 0)
        return false;
    if (c->served == 0)
        c->fresh_bytes = now.memory_peak_bytes;
    return now.memory_peak_bytes > c->fresh_bytes + STILL_CHARGED;
}

// Where the peak cannot be reset, that of the first call is the peak of the cell's start and this call; a
// later one's is known only if it rises above all before. So it is where a reset leaves earlier calls' memory.
static int start_figures(cell_t *c, err_t *err)
{
    meter_reading_t usage;
    if (meter_read(&c->body.group.meter, &usage, err) < 0)
        return -1;
    if (!idle_rested(c, usage.cpu_us))
        return err_set(err, ERR_LIMIT, "it worked on after its answer");
    if (c->served > 0 && usage.memory_peak_bytes > c->peak_highest)
        c->peak_highest = usage.memory_peak_bytes;
    bool reset = meter_reset_peak(&c->body.group.meter) && !is_still_charged(c);
    c->peak_before = reset || c->served == 0 ? -1 : c->peak_highest;
    c->cpu_granted_us = c->cpu_before_us = usage.cpu_us;
    c->usage = (lease_usage_t){.memory_peak_bytes = -1, .exit_status = -1};
    return 0;
}

static void grant(waiter_t *w, cell_t *c)
{
    client_t *client = client_of(w);
    function_t *f = w->function;
    bool warm = c->state == CELL_IDLE, ready = c->state == CELL_READY;
    err_t err;
    if ((ready && lease_fit(c, &w->want, &err) < 0) || start_figures(c, &err) < 0) {
        log_fail(LOG_WARN, "a cell cannot be used", &err, "cell", c->body.id, NULL);
        supply_end(c);
        return;
    }
    if (ready) {
        supply_take(c);
        pool_demand_taken(&keeper_pool(client->keeper, c)->demand, clock_mono_ns());
    } else {
        idle_wake(c);
    }
    c->want = w->want;
    c->served++;
    start_t start = warm ? START_WARM : w->starved ? START_COLD : START_PREWARMED;
    lease_msg_t msg = {.type = MSG_GRANT,
                       .grant = {.start = (uint8_t)start,
                                 .prepared = !ready,
                                 .deadline_ns = in_ms(clock_mono_ns(), w->want.timeout_ms)}};
    str_copy(msg.grant.cell, sizeof msg.grant.cell, c->body.id);
    stop_waiting(client);
    lease_bind(client, c, f, msg.grant.deadline_ns);
    client_send(client, &msg, c->fds, LEASE_FDS);
    // The worker's copies are enough, unless the cell is to come back.
    if (w->want.isolation == ISOLATION_REQUEST)
        cell_close_sockets(c);
    prepare_called(client, !ready && !warm);
    term_offer(client);
}

static cell_t *find_ready(keeper_t *k, const lease_request_t *want)
{
    cell_t *c;
    DL_FOREACH (k->pools[want->language][want->runtime].ready, c)
        if (c->body.disk_mb == want->disk_mb)
            return c;
    return NULL;
}

// In a long queue all cells that there are do better than a few.
bool lease_can_wait(const keeper_t *k, const waiter_t *w, int64_t now_ns)
{
    const function_t *f = w->function;
    return 2 * (int64_t)f->waiting <= k->config->queue_length &&
           roster_can_wait(f, w, now_ns, k->processors.busy);
}

static void on_patience_over(alarm_t *alarm)
{
    keeper_t *k = alarm->owner;
    lease_serve(k);
    supply_balance(k);
}

// Comes back for a request that is left waiting, should the cell that it waits for not.
static void look_later(keeper_t *k, const waiter_t *w)
{
    if (k->patience.on)
        return;
    k->patience.fn = on_patience_over;
    k->patience.owner = k;
    loop_arm(k->loop, &k->patience, roster_patience_ns(w, k->processors.busy));
}

// Serves the first of a function's requests that can be; false if none can.
static bool serve_one(keeper_t *k, function_t *f)
{
    int64_t now = clock_mono_ns();
    waiter_t *w;
    DL_FOREACH (f->waiters, w) {
        if (!roster_may_lease(f, &w->want))
            continue;
        bool can_wait = lease_can_wait(k, w, now);
        cell_t *c = can_wait && f->leased >= k->crowd ? NULL : idle_find(k, &w->want);
        if (!c && can_wait) {
            look_later(k, w);
            continue;
        }
        if (!c)
            c = find_ready(k, &w->want);
        if (c) {
            grant(w, c);
            roster_served(&k->roster, f, now);
            return true;
        }
        w->starved = true;
    }
    return false;
}

void lease_serve(keeper_t *k)
{
    bool served;
    processors_look(&k->processors, clock_mono_ns());
    do {
        function_t *f, *next;
        served = false;
        DL_FOREACH_SAFE (k->roster.turns, f, next)
            served = serve_one(k, f) || served;
    } while (served);
}

// ---- releasing

// Notes how long the calls of a lease took. One that was taken over does not tell.
static void note_calls(const cell_t *c, function_t *f)
{
    const processors_t *p = &c->keeper->processors;
    int64_t ns = (clock_mono_ns() - c->granted_ns) / c->calls;
    int64_t cpu_ns = (c->cpu_after_us - c->cpu_granted_us) * 1000 / c->calls;
    if (c->served > 0)
        roster_called(f, roster_alone_ns(ns, cpu_ns > 0 ? cpu_ns : 0, f->leased, p->count),
                      p->busy);
}

// Parts the lease from the client. The cell has run a function's code: it waits for that function's next
// request, or ends.
static void part(client_t *client)
{
    cell_t *c = client->cell;
    const function_t *f = client->function;
    prepare_unask(client);
    note_calls(c, client->function);
    client->function->leased--;
    client->function = NULL;
    client->cell = NULL;
    c->client = NULL;
    if (!idle_keep(c, f))
        supply_end(c);
}

// How the first process ended. Under gVisor that is the sandbox, which exits with 128 + the signal that
// ended the program inside.
static int32_t exit_status(const cell_t *c)
{
    int32_t status = body_exit_status(&c->body);
    if (c->body.runtime == RUNTIME_GVISOR && status >= 0 && WIFEXITED(status) &&
        WEXITSTATUS(status) > 128)
        return WEXITSTATUS(status) - 128;
    return status;
}

static void send_usage(client_t *client)
{
    keeper_t *k = client->keeper;
    cell_t *c = client->cell;
    supply_count(c);
    lease_msg_t msg = {.type = MSG_USAGE, .usage = c->usage};
    msg.usage.exit_status = c->clean ? -1 : exit_status(c);
    client_send(client, &msg, NULL, 0);
    part(client);
    lease_serve(k);
    supply_balance(k);
}

static void on_farewell(alarm_t *alarm)
{
    client_t *client = alarm->owner;
    int64_t now = clock_mono_ns();
    if (exit_status(client->cell) < 0 && now < client->farewell_ns)
        loop_arm(client->keeper->loop, alarm, in_ms(now, FAREWELL_STEP_MS));
    else
        send_usage(client);
}

void lease_release(client_t *client, const lease_release_t *release)
{
    bool ended = release->ended;
    if (!client->cell) {
        // A HOLD that came too late; nothing is known of that cell any more.
        lease_msg_t msg = {.type = MSG_USAGE,
                           .usage = {.memory_peak_bytes = -1, .exit_status = -1}};
        client_send(client, &msg, NULL, 0);
        return;
    }
    client->cell->clean = release->reusable && !ended;
    term_settle(client->cell, release);
    if (!ended || client->cell->usage.killed != WHY_NONE || !body_tells_exit(&client->cell->body)) {
        send_usage(client);
        return;
    }
    client->farewell.fn = on_farewell;
    client->farewell_ns = in_ms(clock_mono_ns(), FAREWELL_MS);
    on_farewell(&client->farewell);
}

void lease_abandon(client_t *client)
{
    keeper_t *k = client->keeper;
    stop_waiting(client);
    if (!client->cell)
        return;
    part(client);
    lease_serve(k);
    supply_balance(k);
}
