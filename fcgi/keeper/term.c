// Terms: for a moment a worker may give the cell of a lease to further calls of the same function without
// asking. Where calls are short and many, asking for each costs more than the calls do. What the keeper
// promises others waits for terms to end: a change of a function is acknowledged when no call of before can
// begin any more (C. Gray and D. Cheriton, Leases, 1989, on writes and the terms of reads).

#include "base/clock.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"

enum { TERM_MS = 20 };

// Where somebody else waits, the cell comes back after each call: functions take turns. A sandbox's peak is not
// always this call's, which only the keeper can tell (lease.c).
static bool is_due(const client_t *client)
{
    const keeper_t *k = client->keeper;
    const cell_t *c = client->cell;
    const function_t *f = client->function;
    return c->want.isolation == ISOLATION_FUNCTION && c->want.check_revision &&
           c->body.runtime == RUNTIME_DOCKER && roster_is_short(f) &&
           (f->leased > 1 || f->waiting > 0) && !roster_others_wait(&k->roster, f) && !k->stopping;
}

void term_open(keeper_t *k)
{
    k->terms_ns = in_ms(clock_mono_ns(), TERM_MS);
}

void term_offer(client_t *client)
{
    keeper_t *k = client->keeper;
    cell_t *c = client->cell;
    const meter_t *m = &c->body.group.meter;
    if (!is_due(client))
        return;
    int64_t until_ns = in_ms(clock_mono_ns(), TERM_MS);
    int64_t left = k->config->idle_max_requests - c->served + 1;
    c->calls_max = left < LIMIT_TERM_CALLS ? (uint32_t)left : LIMIT_TERM_CALLS;
    lease_msg_t msg = {
        .type = MSG_TERM,
        .term = {.until_ns = until_ns,
                 .edition = k->edition,
                 .calls = c->calls_max,
                 .v2 = m->v2,
                 .cpu_before_us = c->cpu_before_us,
                 .peak_before = c->peak_before},
    };
    const int files[] = {m->cpu, m->peak};
    client_send(client, &msg, files, m->peak >= 0 ? 2 : 1);
    if (until_ns > k->terms_ns)
        k->terms_ns = until_ns;
    // The worker ends a call at its own deadline; this is for one that does not.
    loop_arm(k->loop, &c->alarm, in_ms(until_ns, c->want.timeout_ms));
}

void term_settle(cell_t *c, const lease_release_t *release)
{
    if (release->calls == 1)
        return;
    if (c->served > 0) // else it was taken over, and is not to serve again
        c->served += release->calls - 1;
    c->calls = release->calls;
    c->cpu_before_us = release->cpu_before_us;
    c->peak_before = release->peak_before;
    if (!c->counted)
        return;
    // It was killed, and counted from the GRANT on.
    c->usage.cpu_us = supply_cpu_us(c);
    if (c->usage.memory_peak_bytes <= c->peak_before)
        c->usage.memory_peak_bytes = -1;
}

static void on_ended(alarm_t *alarm)
{
    client_tell(alarm->owner, MSG_ACK);
}

void term_ack(client_t *client)
{
    keeper_t *k = client->keeper;
    client->ack.fn = on_ended;
    if (clock_mono_ns() < k->terms_ns)
        loop_arm(k->loop, &client->ack, k->terms_ns);
    else
        client_tell(client, MSG_ACK);
}
