// An engine and control groups that need no privileges: a cell is a child process that connects to its
// socket as a launcher does and then does what a byte on its control socket says. Defines what
// engine/engine.h and engine/cgroup.h declare, so that the real ones are not linked.
#ifndef CLOCHE_TESTS_UNIT_FAKE_ENGINE_H
#define CLOCHE_TESTS_UNIT_FAKE_ENGINE_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "core/frame.h"
#include "engine/cgroup.h"
#include "engine/engine.h"
#include "support.h"

enum { FAKE_CELLS = 256, FAKE_CPU_US = 1234, FAKE_PEAK = 5 << 20, FAKE_LINGER_MS = 400 };

typedef struct {
    char id[ID_TEXT];
    char dir[320];
    atomic_int pid;      // 0 while there is none
    atomic_int oom;      // the eventfd of its group, -1 while there is none
    atomic_bool removed; // its group
    atomic_bool frozen;
    atomic_uint cpu_millis;
    atomic_ullong memory;
    uint32_t disk_mb;
} fake_cell_t;

static fake_cell_t fake_cells[FAKE_CELLS];
static atomic_int fake_count;
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

// What the engine does with calls from now on.
static atomic_bool fake_hangs;   // it does not answer until this is false
static atomic_bool fake_refuses; // create fails
static atomic_bool fake_mute;    // cells start but say nothing
static atomic_bool fake_no_gvisor;
static atomic_bool fake_no_freezer;
static atomic_llong fake_peak;      // of every group
static atomic_llong fake_cpu_us;    // used by each, besides what each look adds
static atomic_bool fake_keeps_peak; // it cannot be reset

static inline fake_cell_t *fake_find(const char *id)
{
    for (int i = 0; i < fake_count; i++)
        if (strcmp(fake_cells[i].id, id) == 0)
            return &fake_cells[i];
    return NULL;
}

static inline fake_cell_t *fake_add(const char *id)
{
    pthread_mutex_lock(&fake_lock);
    fake_cell_t *c = fake_find(id);
    if (!c) {
        if (fake_count == FAKE_CELLS)
            abort();
        c = &fake_cells[fake_count];
        str_copy(c->id, sizeof c->id, id);
        c->oom = -1;
        fake_count++;
    }
    pthread_mutex_unlock(&fake_lock);
    return c;
}

static inline bool fake_alive(const fake_cell_t *c)
{
    return c->pid && kill(c->pid, 0) == 0;
}

static inline int fake_living(void)
{
    int n = 0;
    for (int i = 0; i < fake_count; i++)
        n += fake_alive(&fake_cells[i]);
    return n;
}

// ---- the process in the cell

static inline int fake_connect(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/s", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static inline void fake_say(int fd, frame_type_t type, const char *payload)
{
    char frame[64] = {0, 0, 0, (char)strlen(payload), (char)type};
    memcpy(frame + FRAME_HEADER, payload, strlen(payload));
    if (write(fd, frame, FRAME_HEADER + strlen(payload)) < 0)
        _exit(1);
}

// As a sandbox that has much to put away.
static inline void fake_linger(int fds[LEASE_FDS])
{
    for (int i = 0; i < LEASE_FDS; i++)
        close(fds[i]);
    usleep(FAKE_LINGER_MS * 1000);
    raise(SIGTERM);
}

// 'e' echoes on all three sockets, 'x' exits with status 3, 'r' says that a module is loaded, 's' a script,
// 'h' answers with a HEAD, 'p' prints, 'w' waits a moment, 'l' closes its sockets and lives on for FAKE_LINGER_MS
// before a signal ends it; everything else is not answered. What is sent as the payload of INIT is what happens as the
// code is loaded.
static inline void fake_main(const char *dir)
{
    static const char hello[FRAME_HEADER] = {0, 0, 0, 0, FRAME_HELLO};
    int fds[LEASE_FDS];
    char what;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, ~0U, 0); // what the test and the keeper have open is not a cell's
    for (int i = 0; i < LEASE_FDS; i++)
        if ((fds[i] = fake_connect(dir)) < 0)
            _exit(1);
    if (fake_mute)
        pause();
    if (write(fds[0], hello, sizeof hello) != sizeof hello)
        _exit(1);
    while (read(fds[0], &what, 1) == 1) {
        if (what == 'x')
            _exit(3);
        if (what == 'r')
            fake_say(fds[0], FRAME_READY, "{\"script\":false}");
        if (what == 's')
            fake_say(fds[0], FRAME_READY, "{\"script\":true}");
        if (what == 'h')
            fake_say(fds[0], FRAME_HEAD, "{}");
        if (what == 'p' && write(fds[1], "p", 1) != 1)
            _exit(1);
        if (what == 'w')
            usleep(50000);
        if (what == 'l')
            fake_linger(fds);
        for (int i = 0; what == 'e' && i < LEASE_FDS; i++)
            if (write(fds[i], &"cse"[i], 1) != 1)
                _exit(1);
    }
    _exit(0);
}

// ---- engine/engine.h

static inline int fake_answer(err_t *err)
{
    while (fake_hangs)
        usleep(1000);
    return fake_refuses ? err_set(err, ERR_INTERNAL, "the engine refuses") : 0;
}

int engine_open(const config_t *config, const char *seccomp_json, engine_t **out, err_t *err)
{
    (void)config, (void)seccomp_json, (void)out, (void)err;
    return 0;
}

void engine_close(engine_t *e)
{
    (void)e;
}

void engine_interrupt(engine_t *e)
{
    (void)e;
    fake_hangs = false;
}

void engine_name(const char *cell, char instance[ENGINE_NAME])
{
    str_copy(instance, ENGINE_NAME, cell);
}

int engine_ping(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err)
{
    (void)e;
    while (fake_hangs)
        usleep(1000);
    (void)err;
    runtimes[RUNTIME_DOCKER] = true;
    runtimes[RUNTIME_GVISOR] = !fake_no_gvisor;
    return 0;
}

int engine_create(engine_t *e, const engine_spec_t *spec, err_t *err)
{
    (void)e;
    if (fake_answer(err) < 0)
        return -1;
    fake_cell_t *c = fake_add(spec->id);
    str_copy(c->dir, sizeof c->dir, spec->socket_dir);
    c->disk_mb = spec->disk_mb;
    return 0;
}

int engine_start(engine_t *e, const char *instance, pid_t *pid, err_t *err)
{
    (void)e, (void)err;
    fake_cell_t *c = fake_add(instance);
    pid_t child = fork();
    if (child == 0)
        fake_main(c->dir);
    c->pid = child;
    *pid = child;
    return 0;
}

int engine_remove(engine_t *e, const char *instance, err_t *err)
{
    (void)e, (void)err, (void)instance;
    while (fake_hangs)
        usleep(1000);
    return 0;
}

int engine_list(engine_t *e, engine_cell_t **cells, int *count, err_t *err)
{
    (void)e, (void)err;
    *cells = NULL;
    *count = 0;
    return 0;
}

// ---- engine/cgroup.h

void cgroup_at(const cgroups_t *all, const char *cell, cgroup_t *out)
{
    *out = (cgroup_t){.all = all, .oom = -1, .meter = {.cpu = -1, .peak = -1}};
    str_copy(out->cell, sizeof out->cell, cell);
}

void cgroup_close(cgroup_t *g)
{
    if (g->oom >= 0)
        close(g->oom);
    g->oom = -1;
    meter_close(&g->meter);
}

int cgroup_make(cgroup_t *g, err_t *err)
{
    (void)err;
    fake_add(g->cell);
    return 0;
}

int cgroup_watch(cgroup_t *g, err_t *err)
{
    (void)err;
    g->oom = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fake_add(g->cell)->oom = g->oom;
    g->meter.cpu = memfd_create("cpu", MFD_CLOEXEC);
    g->meter.peak = memfd_create("peak", MFD_CLOEXEC);
    return 0;
}

int cgroup_remove(const cgroup_t *g, err_t *err)
{
    (void)err;
    fake_cell_t *c = fake_find(g->cell);
    if (c)
        c->removed = true;
    return 0;
}

int cgroup_limit_memory(const cgroup_t *g, uint64_t bytes, err_t *err)
{
    (void)err;
    fake_find(g->cell)->memory = bytes;
    return 0;
}

int cgroup_limit_cpu(const cgroup_t *g, uint32_t millis, err_t *err)
{
    (void)err;
    fake_find(g->cell)->cpu_millis = millis;
    return 0;
}

// ---- core/meter.h

void meter_close(meter_t *m)
{
    int *fds[] = {&m->cpu, &m->peak};
    for (int i = 0; i < 2; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

int meter_read(const meter_t *m, meter_reading_t *out, err_t *err)
{
    static atomic_int reads;
    (void)m, (void)err;
    // Each look finds so much more.
    *out = (meter_reading_t){.cpu_us = fake_cpu_us + (int64_t)++reads * FAKE_CPU_US,
                             .memory_peak_bytes = fake_peak};
    return 0;
}

bool meter_reset_peak(const meter_t *m)
{
    (void)m;
    return !fake_keeps_peak;
}

// ---- engine/cgroup.h, further

bool cgroup_freezable(const cgroup_t *g)
{
    (void)g;
    return !fake_no_freezer;
}

int cgroup_freeze(const cgroup_t *g, bool frozen, err_t *err)
{
    (void)err;
    fake_find(g->cell)->frozen = frozen;
    return 0;
}

bool cgroup_oom_told(cgroup_t *g)
{
    uint64_t n;
    if (g->oom >= 0 && read(g->oom, &n, sizeof n) == sizeof n)
        g->oom_seen = true;
    return g->oom_seen;
}

bool cgroup_oom(cgroup_t *g)
{
    return cgroup_oom_told(g);
}

bool cgroup_has(const cgroup_t *g, pid_t pid)
{
    return fake_find(g->cell)->pid == pid;
}

int cgroup_kill(const cgroup_t *g)
{
    fake_cell_t *c = fake_find(g->cell);
    return c && c->pid && kill(c->pid, SIGKILL) == 0;
}

#endif
