// A keeper in a thread of the test, and workers to talk to it over its real socket. The engine makes plain
// processes (fake_engine.h). Needs root, because cells get users of their own.
#ifndef CLOCHE_TESTS_UNIT_KEEPER_SUPPORT_H
#define CLOCHE_TESTS_UNIT_KEEPER_SUPPORT_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "fake_engine.h"
#include "keeper/keeper.h"

enum { WAIT_MS = 5000, SOON_MS = 300 };

static const char function_id[] = "01926f5c-7d3e-7a10-8000-000000000001";

static char run_dir[] = "/tmp/cloche-run-XXXXXX";
static char socket_path[64];
static config_t config;
static keeper_t keeper;
static watch_t stop_watch;
static pthread_t thread;
static int launchings; // heard by workers; they are no answers

// ---- the keeper in a thread

static inline int listen_here(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, socket_path);
    unlink(socket_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static inline void on_stop(watch_t *w, uint32_t events)
{
    uint64_t n;
    (void)events;
    if (read(w->fd, &n, sizeof n) == sizeof n)
        keeper_stop(w->owner);
}

static inline void *run_keeper(void *context)
{
    (void)context;
    return keeper_run(&keeper, NULL) < 0 ? &keeper : NULL;
}

static inline void start_keeper(void)
{
    err_t err = {0};
    if (keeper_open(&keeper, &config, NULL, NULL, listen_here(), &err) < 0)
        fail_msg("%s", err.msg);
    stop_watch = (watch_t){.fn = on_stop, .owner = &keeper, .fd = eventfd(0, EFD_CLOEXEC)};
    assert_ok(loop_watch(keeper.loop, &stop_watch, EPOLLIN, NULL));
    assert_int_equal(pthread_create(&thread, NULL, run_keeper, NULL), 0);
}

static inline void stop_keeper(void)
{
    const uint64_t one = 1;
    void *failed;
    assert_int_equal(write(stop_watch.fd, &one, sizeof one), sizeof one);
    pthread_join(thread, &failed);
    keeper_close(&keeper);
    close(stop_watch.fd);
    assert_null(failed);
    assert_int_equal(fake_living(), 0);
}

static inline int prepare(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return 0;
    fake_count = 0;
    memset(fake_cells, 0, sizeof fake_cells);
    fake_hangs = fake_refuses = fake_mute = fake_no_gvisor = false;
    fake_no_freezer = fake_keeps_peak = false;
    fake_peak = FAKE_PEAK;
    fake_cpu_us = 0;
    launchings = 0;
    memcpy(run_dir + strlen(run_dir) - 6, "XXXXXX", 6);
    if (!mkdtemp(run_dir))
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/k", run_dir);
    config = (config_t){.pool_size = 1,
                        .launch_timeout_ms = 20000,
                        .launches = 4,
                        .max_cells = 8,
                        .queue_timeout_ms = 2000,
                        .queue_length = 10,
                        .idle_max_requests = 100,
                        .idle_timeout_s = 100};
    str_copy(config.run, sizeof config.run, run_dir);
    str_copy(config.cgroup, sizeof config.cgroup, "cloche");
    return 0;
}

static inline int clean(void **state)
{
    char path[96];
    (void)state;
    if (geteuid() != 0)
        return 0;
    unlink(socket_path);
    snprintf(path, sizeof path, "%s/cells", run_dir);
    rmdir(path); // empty, or the next line fails
    return rmdir(run_dir);
}

// ---- a worker

static inline int connect_worker(void)
{
    int fd = -1;
    assert_ok(lease_connect(socket_path, &fd, NULL));
    return fd;
}

static inline void tell(int fd, const lease_msg_t *msg)
{
    lease_msg_t out = *msg;
    out.version = LEASE_VERSION;
    assert_ok(lease_send(fd, &out, NULL, 0, NULL));
}

// The next message within a bound; its type, or -1 when the connection is closed, or 0 when none came.
static inline int hear_within(int fd, lease_msg_t *msg, int fds[LEASE_FDS], int ms)
{
    int64_t until = clock_mono_ns() + (int64_t)ms * 1000000;
    for (;;) {
        int n = lease_recv(fd, msg, fds, NULL);
        if (n == 1 && msg->type == MSG_LAUNCHING) {
            launchings++;
            continue;
        }
        if (n != 0)
            return n < 0 ? -1 : msg->type;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, clock_left_ms(until)) == 0)
            return 0;
    }
}

static inline void expect(int fd, lease_type_t type, lease_msg_t *msg, int fds[LEASE_FDS])
{
    int none[LEASE_FDS];
    assert_int_equal(hear_within(fd, msg, fds ? fds : none, WAIT_MS), type);
}

static inline lease_msg_t request(void)
{
    lease_msg_t msg = {.type = MSG_LEASE,
                       .lease = {.revision = 1,
                                 .check_revision = 1,
                                 .memory_mb = 128,
                                 .cpu_millis = 500,
                                 .disk_mb = 16,
                                 .timeout_ms = 3000,
                                 .max_concurrency = 5}};
    id_new(msg.lease.request_id);
    str_copy(msg.lease.function_id, ID_TEXT, function_id);
    return msg;
}

typedef struct {
    lease_grant_t grant;
    int fds[LEASE_FDS];
    fake_cell_t *cell;
} held_t;

static inline held_t take_grant(int worker)
{
    held_t held;
    lease_msg_t msg;
    expect(worker, MSG_GRANT, &msg, held.fds);
    held.grant = msg.grant;
    held.cell = fake_find(msg.grant.cell);
    assert_non_null(held.cell);
    return held;
}

static inline held_t lease(int worker, const lease_msg_t *wanted)
{
    tell(worker, wanted);
    return take_grant(worker);
}

static inline void drop_sockets(held_t *held)
{
    for (int i = 0; i < LEASE_FDS; i++)
        fd_close(&held->fds[i]);
}

static inline lease_usage_t release(int worker, held_t *held, bool ended)
{
    lease_msg_t msg = {.type = MSG_RELEASE, .release = {.ended = ended, .calls = 1}};
    str_copy(msg.release.cell, ID_TEXT, held->grant.cell);
    tell(worker, &msg);
    expect(worker, MSG_USAGE, &msg, NULL);
    drop_sockets(held);
    return msg.usage;
}

// The same, and the cell may serve again.
static inline lease_usage_t give_back(int worker, held_t *held)
{
    lease_msg_t msg = {.type = MSG_RELEASE, .release = {.reusable = 1, .calls = 1}};
    str_copy(msg.release.cell, ID_TEXT, held->grant.cell);
    tell(worker, &msg);
    expect(worker, MSG_USAGE, &msg, NULL);
    drop_sockets(held);
    return msg.usage;
}

static inline lease_counts_t counts(int worker)
{
    lease_msg_t msg = {.type = MSG_STATUS};
    tell(worker, &msg);
    expect(worker, MSG_COUNTS, &msg, NULL);
    return msg.counts;
}

// Waits until so many cells are ready in all pools together.
static inline void await_ready(int worker, uint32_t wanted)
{
    uint32_t ready;
    do {
        lease_counts_t c = counts(worker);
        ready = 0;
        for (int l = 0; l < LANG_COUNT; l++)
            for (int r = 0; r < RUNTIME_COUNT; r++)
                ready += c.pools[l][r].ready;
        usleep(1000);
    } while (ready != wanted);
}

static inline void await_death(const fake_cell_t *c)
{
    for (int ms = 0; fake_alive(c) || !c->removed; ms++) {
        if (ms == WAIT_MS)
            fail_msg("the cell is still there");
        usleep(1000);
    }
}

// A started keeper with full pools, and a connection to it.
static inline int begin(void)
{
    if (geteuid() != 0)
        skip();
    start_keeper();
    int worker = connect_worker();
    await_ready(worker, 4);
    return worker;
}

static inline void end(int worker)
{
    close(worker);
    stop_keeper();
}

#define KEEPER_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)

// Nobody waits for cells: they are gone as soon as they are dead.
static inline int run_keeper_tests(const struct CMUnitTest *tests, size_t count)
{
    signal(SIGCHLD, SIG_IGN);
    log_init("keeper_test", LOG_ERROR);
    alarm(WATCHDOG_S);
    return _cmocka_run_group_tests("keeper", tests, count, NULL, NULL);
}

#endif
