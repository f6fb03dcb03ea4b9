#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"

enum { CLIENTS_MAX = 16384 };

static void close_all(int fds[LEASE_FDS])
{
    for (int i = 0; i < LEASE_FDS; i++)
        fd_close(&fds[i]);
}

static bool in_range(uint64_t value, uint64_t min, uint64_t max)
{
    return value >= min && value <= max;
}

static bool valid_request(const lease_request_t *r)
{
    return id_valid(r->request_id) && id_valid(r->function_id) && r->revision >= 0 &&
           r->edition >= 0 && r->language < LANG_COUNT && r->runtime < RUNTIME_COUNT &&
           r->isolation < ISOLATION_COUNT && r->check_revision <= 1 &&
           in_range(r->memory_mb, 1, LIMIT_MEMORY_MB) &&
           in_range(r->cpu_millis, LIMIT_CPU_MIN, LIMIT_CPU_MAX) &&
           in_range(r->disk_mb, 1, LIMIT_DISK_MAX_MB) &&
           in_range(r->timeout_ms, 1, LIMIT_TIMEOUT_MS) &&
           in_range(r->max_concurrency, 1, LIMIT_CONCURRENCY);
}

static bool valid_calls(const cell_t *c, uint32_t calls)
{
    return in_range(calls, 1, c ? c->calls_max : LIMIT_TERM_CALLS);
}

static void send_counts(client_t *client)
{
    keeper_t *k = client->keeper;
    lease_msg_t msg = {.type = MSG_COUNTS};
    lease_counts_t *out = &msg.counts;
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            const uint32_t *in = k->census.n[l][r];
            out->pools[l][r] = (lease_pool_t){
                .available = supply_hopeless(k, (language_t)l, (runtime_t)r) == WHY_NONE,
                .ready = in[CELL_READY],
                .creating = in[CELL_CREATING],
                .prepared = in[CELL_PREPARING] + in[CELL_PREPARED],
                .leased = in[CELL_LEASED],
                .idle = in[CELL_IDLE]};
        }
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        out->missing[r] = k->health.known && !k->health.runtimes[r];
        for (int l = 0; l < LANG_COUNT; l++)
            str_copy(out->why[l][r], sizeof out->why[l][r], k->pools[l][r].why);
    }
    out->cells = census_living(&k->census);
    out->max_cells = k->max_cells;
    out->queued = k->roster.waiting;
    out->engine_ok = k->health.ok;
    client_send(client, &msg, NULL, 0);
}

// Acts on one message; false when the worker broke the protocol. What it takes of the descriptors that
// came along is set to -1.
static bool handle(client_t *client, const lease_msg_t *msg, int fds[LEASE_FDS])
{
    bool busy = client->cell || client->waiter.function;
    switch (msg->type) {
    case MSG_LEASE:
        if (busy || !valid_request(&msg->lease))
            return false;
        lease_ask(client, &msg->lease);
        return true;
    case MSG_CANCEL:
        lease_cancel(client);
        return true;
    case MSG_RELEASE:
        if (client->waiter.function || client->farewell.on || msg->release.ended > 1 ||
            msg->release.reusable > 1 || !valid_calls(client->cell, msg->release.calls) ||
            msg->release.cpu_before_us < 0 || msg->release.peak_before < -1 ||
            (client->cell && strcmp(client->cell->body.id, msg->release.cell) != 0))
            return false;
        lease_release(client, &msg->release);
        return true;
    case MSG_HOLD:
        if (busy || !id_valid(msg->hold.cell) || !id_valid(msg->hold.function_id))
            return false;
        recover_hold(client, msg->hold.cell, msg->hold.function_id, msg->hold.deadline_ns);
        return true;
    case MSG_CHANGED:
        if (!id_valid(msg->changed.function_id) || msg->changed.revision < 0 ||
            msg->changed.deleted > 1)
            return false;
        lease_changed(client->keeper, msg->changed.function_id, msg->changed.revision,
                      msg->changed.deleted);
        term_ack(client);
        return true;
    case MSG_CODE:
        return prepare_take_code(client, fd_take(&fds[0]));
    case MSG_STATUS:
        send_counts(client);
        return true;
    default:
        return false;
    }
}

static void on_message(watch_t *w, uint32_t events)
{
    client_t *client = w->owner;
    lease_msg_t msg;
    int fds[LEASE_FDS];
    err_t err;
    (void)events;
    int n = lease_recv(w->fd, &msg, fds, &err);
    if (n == 0)
        return;
    if (n < 0) {
        if (err.code != ERR_CLOSED)
            log_fail(LOG_WARN, "a worker's connection is closed", &err, NULL);
        client_close(client);
        return;
    }
    bool good = handle(client, &msg, fds);
    close_all(fds);
    if (!good) {
        log_warn("a worker broke the lease protocol; its connection is closed", NULL);
        client_close(client);
    }
}

void client_send(client_t *client, const lease_msg_t *msg, const int *fds, int nfds)
{
    lease_msg_t out = *msg;
    out.version = LEASE_VERSION;
    err_t err;
    if (lease_send(client->watch.fd, &out, fds, nfds, &err) == 0)
        return;
    // Its end comes through the loop, so that nobody up the stack loses the client under its feet.
    shutdown(client->watch.fd, SHUT_RDWR);
}

void client_tell(client_t *client, lease_type_t type)
{
    client_send(client, &(lease_msg_t){.type = (uint8_t)type}, NULL, 0);
}

void client_close(client_t *client)
{
    keeper_t *k = client->keeper;
    lease_abandon(client);
    loop_disarm(k->loop, &client->farewell);
    loop_disarm(k->loop, &client->ack);
    loop_unwatch(k->loop, &client->watch);
    fd_close(&client->watch.fd);
    DL_DELETE(k->clients, client);
    k->client_count--;
    free(client);
}

static void on_connection(watch_t *w, uint32_t events)
{
    keeper_t *k = w->owner;
    (void)events;
    cleanup_close int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    client_t *client = fd >= 0 && k->client_count < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    if (!client)
        return;
    client->keeper = k;
    client->watch = (watch_t){.fn = on_message, .owner = client, .fd = fd};
    client->waiter.patience.owner = client->farewell.owner = client->ack.owner = client;
    if (loop_watch(k->loop, &client->watch, EPOLLIN, NULL) < 0) {
        free(client);
        return;
    }
    fd_take(&fd);
    DL_APPEND(k->clients, client);
    k->client_count++;
}

int server_open(keeper_t *k, int socket, err_t *err)
{
    k->listener = (watch_t){.fn = on_connection, .owner = k, .fd = socket};
    return loop_watch(k->loop, &k->listener, EPOLLIN, err);
}

void server_close(keeper_t *k)
{
    loop_unwatch(k->loop, &k->listener);
    fd_close(&k->listener.fd);
    client_t *client, *next;
    DL_FOREACH_SAFE (k->clients, client, next)
        client_close(client);
}
