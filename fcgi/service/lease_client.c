#include "service/lease_client.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum {
    ANSWER_MS = 2000, // the keeper's loop never blocks: an answer that takes longer will not come
    RETRY_MS = 50,    // between tries to reach a keeper that is being restarted
};

void lease_client_init(lease_client_t *c, const char *path)
{
    *c = (lease_client_t){.path = path, .fd = -1, .keeper = -1};
}

void lease_client_close(lease_client_t *c)
{
    fd_close(&c->fd);
}

bool socket_hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

// Connects if need be, and takes note when this keeper may be another one than the last: where the keeper is in
// another pid namespace, its number is always 0.
static int connected(lease_client_t *c, err_t *err)
{
    if (c->fd >= 0)
        return 0;
    if (lease_connect(c->path, &c->fd, err) < 0)
        return -1;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    if (c->keeper >= 0 && (peer.pid == 0 || c->keeper != peer.pid))
        c->restarted = true;
    c->keeper = peer.pid;
    return 0;
}

static int put(lease_client_t *c, lease_msg_t *msg, const int *fds, int nfds, err_t *err)
{
    msg->version = LEASE_VERSION;
    if (lease_send(c->fd, msg, fds, nfds, err) < 0) {
        fd_close(&c->fd);
        return -1;
    }
    return 0;
}

// Takes one message; descriptors are handed on or, where the caller wants none, closed.
static int take(lease_client_t *c, lease_msg_t *msg, int *fds, err_t *err)
{
    int got[LEASE_FDS];
    int n = lease_recv(c->fd, msg, got, err);
    if (n < 0)
        fd_close(&c->fd);
    if (n <= 0)
        return n;
    for (int i = 0; i < LEASE_FDS; i++) {
        if (fds)
            fds[i] = got[i];
        else
            fd_close(&got[i]);
    }
    return 1;
}

int lease_client_take(lease_client_t *c, lease_msg_t *msg, int fds[LEASE_FDS])
{
    return c->fd < 0 ? -1 : take(c, msg, fds, NULL);
}

void lease_client_swap(lease_client_t *a, lease_client_t *b)
{
    lease_client_t was = *a;
    a->fd = b->fd;
    a->keeper = b->keeper;
    a->restarted = b->restarted;
    b->fd = was.fd;
    b->keeper = was.keeper;
    b->restarted = was.restarted;
}

// Sends a message and waits for an answer of the wanted type; others that cross it are dropped.
static int ask(lease_client_t *c, lease_msg_t *msg, lease_type_t wanted, lease_msg_t *answer,
               err_t *err)
{
    if (put(c, msg, NULL, 0, err) < 0)
        return -1;
    int64_t until = clock_mono_ns() + (int64_t)ANSWER_MS * 1000000;
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, clock_left_ms(until)) == 0) {
            // A late answer must not be taken for the next one.
            fd_close(&c->fd);
            return err_set(err, ERR_TIMEOUT, "the keeper did not answer within %d ms", ANSWER_MS);
        }
        int n = take(c, answer, NULL, err);
        if (n < 0)
            return -1;
        if (n == 1 && answer->type == wanted)
            return 0;
    }
}

// Translates the keeper's answer to a LEASE; false for messages that are none.
static bool understand(const lease_msg_t *msg, lease_outcome_t *out)
{
    switch ((lease_type_t)msg->type) {
    case MSG_GRANT:
        out->result = LEASE_GRANTED;
        out->grant = msg->grant;
        return true;
    case MSG_BUSY:
        out->result = LEASE_REFUSED;
        out->status = msg->busy.status;
        return true;
    case MSG_FAILED:
        out->result = LEASE_FAILED;
        out->why = (lease_why_t)msg->failed.why;
        str_copy(out->text, sizeof out->text, msg->failed.text);
        return true;
    case MSG_STALE:
        out->result = LEASE_STALE;
        out->edition = msg->stale.edition;
        return true;
    case MSG_GONE:
        out->result = LEASE_GONE;
        return true;
    default:
        return false;
    }
}

// Waits on one connection for the answer to a LEASE that was sent. False: the connection was lost.
static bool await_grant(lease_client_t *c, int client_fd, int64_t give_up_ns, lease_outcome_t *out)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN},
                              {.fd = client_fd, .events = POLLRDHUP}};
        int ready = poll(p, 2, clock_left_ms(give_up_ns));
        if (ready < 0)
            continue;
        if (p[0].revents) {
            lease_msg_t msg;
            int n = take(c, &msg, out->fds, NULL);
            if (n < 0)
                return false;
            if (n == 1 && understand(&msg, out))
                return true;
            if (n == 1 && msg.type == MSG_LAUNCHING && c->on_launching)
                c->on_launching(c->ctx);
            continue;
        }
        // Closing the connection withdraws the request, and ends the cell of a GRANT that crossed.
        fd_close(&c->fd);
        out->result = ready ? LEASE_CANCELLED : LEASE_REFUSED;
        out->status = 503;
        return true;
    }
}

// Sleeps a moment before the next try; false when the client left or time is up.
static bool pause_before_retry(int client_fd, int64_t give_up_ns, lease_outcome_t *out)
{
    struct pollfd p = {.fd = client_fd, .events = POLLRDHUP};
    int left = clock_left_ms(give_up_ns);
    out->result = LEASE_REFUSED;
    out->status = 503;
    if (left == 0)
        return false;
    if (poll(&p, 1, left < RETRY_MS ? left : RETRY_MS) == 1) {
        out->result = LEASE_CANCELLED;
        return false;
    }
    return true;
}

void lease_client_acquire(lease_client_t *c, const lease_request_t *request, int client_fd,
                          int64_t give_up_ns, lease_outcome_t *out)
{
    *out = (lease_outcome_t){.fds = {-1, -1, -1}};
    bool was_open;
    do {
        err_t err;
        was_open = c->fd >= 0;
        bool there = connected(c, &err) == 0;
        if (c->restarted && request->check_revision) {
            c->restarted = false;
            out->result = LEASE_STALE;
            return;
        }
        lease_msg_t msg = {.type = MSG_LEASE, .lease = *request};
        if (there && put(c, &msg, NULL, 0, &err) == 0 && await_grant(c, client_fd, give_up_ns, out))
            return;
        // A connection that was idle may be dead without our knowing: then at once on a new one.
    } while (was_open || pause_before_retry(client_fd, give_up_ns, out));
}

static int make_sealed(const void *bytes, size_t len)
{
    cleanup_close int fd = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    for (size_t at = 0; fd >= 0 && at < len;) {
        ssize_t n = write(fd, (const char *)bytes + at, len - at);
        if (n <= 0)
            return -1;
        at += (size_t)n;
    }
    if (fd < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -1;
    return fd_take(&fd);
}

bool lease_client_give_code(lease_client_t *c, const void *frame, size_t len)
{
    lease_msg_t msg = {.type = MSG_CODE};
    cleanup_close int fd = make_sealed(frame, len);
    return fd >= 0 && c->fd >= 0 && put(c, &msg, &fd, 1, NULL) == 0;
}

bool lease_client_hold(lease_client_t *c, const char *cell, const char *function_id,
                       int64_t deadline_ns)
{
    lease_msg_t msg = {.type = MSG_HOLD, .hold.deadline_ns = deadline_ns};
    str_copy(msg.hold.cell, sizeof msg.hold.cell, cell);
    str_copy(msg.hold.function_id, sizeof msg.hold.function_id, function_id);
    return connected(c, NULL) == 0 && put(c, &msg, NULL, 0, NULL) == 0;
}

int lease_client_release(lease_client_t *c, const lease_release_t *release, lease_usage_t *usage,
                         err_t *err)
{
    if (c->fd < 0)
        return err_set(err, ERR_CLOSED, "no connection to the keeper");
    lease_msg_t msg = {.type = MSG_RELEASE, .release = *release}, answer;
    if (ask(c, &msg, MSG_USAGE, &answer, err) < 0)
        return -1;
    *usage = answer.usage;
    return 0;
}

int lease_client_changed(lease_client_t *c, const char *function_id, int64_t revision, bool deleted,
                         err_t *err)
{
    lease_msg_t msg = {.type = MSG_CHANGED}, answer;
    msg.changed.revision = revision;
    msg.changed.deleted = deleted;
    str_copy(msg.changed.function_id, sizeof msg.changed.function_id, function_id);
    // A connection that was idle may be dead without our knowing: then a second try on a new one.
    for (int tries = 0; tries < 2; tries++)
        if (connected(c, err) == 0 && ask(c, &msg, MSG_ACK, &answer, err) == 0)
            return 0;
    return -1;
}

int lease_client_counts(lease_client_t *c, lease_counts_t *counts, err_t *err)
{
    lease_msg_t msg = {.type = MSG_STATUS}, answer;
    for (int tries = 0; tries < 2; tries++)
        if (connected(c, err) == 0 && ask(c, &msg, MSG_COUNTS, &answer, err) == 0) {
            *counts = answer.counts;
            return 0;
        }
    return -1;
}
