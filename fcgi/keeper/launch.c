// The making of a cell, from the decision to its HELLO.

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"
#include "keeper/retry.h"

enum {
    BACKOFF_MS = 100, // after a failed launch, doubled with each
    BACKOFF_MAX_MS = 30000,
};

static void note_failure(cell_t *c, const err_t *err)
{
    keeper_t *k = c->keeper;
    pool_t *pool = keeper_pool(k, c);
    int64_t now = clock_mono_ns();
    if (pool->failures++ == 0)
        pool->failing_ns = now;
    int64_t ms = retry_ms(BACKOFF_MS, pool->failures - 1, BACKOFF_MAX_MS);
    pool->retry_ns = in_ms(now, ms);
    str_copy(pool->why, sizeof pool->why, err->msg);
    char failures[16], wait[24];
    snprintf(failures, sizeof failures, "%u", pool->failures);
    snprintf(wait, sizeof wait, "%lld", (long long)ms);
    log_fail(LOG_WARN, "a cell could not be made", err, "cell", c->body.id, "language",
             language_name(c->body.language), "runtime", runtime_name(c->body.runtime),
             "failures in a row", failures, "next try in ms", wait, NULL);
}

static void launch_failed(cell_t *c, const err_t *err)
{
    keeper_t *k = c->keeper;
    language_t language = c->body.language;
    runtime_t runtime = c->body.runtime;
    note_failure(c, err);
    supply_end(c);
    lease_fail_waiting(k, language, runtime);
    supply_balance(k);
}

static void on_not_ready(alarm_t *alarm)
{
    err_t err;
    cell_t *c = alarm->owner;
    err_set(&err, ERR_TIMEOUT, "the cell was not ready within %lld ms",
            (long long)c->keeper->config->launch_timeout_ms);
    launch_failed(c, &err);
}

// What a cell that breaks before it is ready has to say: no function's code is in it yet.
static void hello_failed(cell_t *c, const char *what)
{
    err_t err;
    char said[200] = "";
    ssize_t n = c->fds[2] >= 0 ? recv(c->fds[2], said, sizeof said - 1, MSG_DONTWAIT) : 0;
    said[n > 0 ? n : 0] = '\0';
    err_set(&err, ERR_PROTOCOL, "%s%s%s", what, *said ? "; it said: " : "", said);
    launch_failed(c, &err);
}

static void on_process(watch_t *w, uint32_t events)
{
    cell_t *c = w->owner;
    keeper_t *k = c->keeper;
    (void)events;
    loop_unwatch(k->loop, w);
    if (c->state == CELL_CREATING) {
        hello_failed(c, "the cell ended before it was ready");
        return;
    }
    if (c->state == CELL_PREPARING || c->state == CELL_PREPARED) {
        prepare_failed(c, "its process ended");
        return;
    }
    if (c->state == CELL_READY)
        log_warn("a ready cell ended by itself", "cell", c->body.id, NULL);
    supply_end(c);
    supply_balance(k);
}

static void on_memory(watch_t *w, uint32_t events)
{
    cell_t *c = w->owner;
    keeper_t *k = c->keeper;
    (void)events;
    if (!cgroup_oom(&c->body.group))
        return;
    loop_unwatch(k->loop, w);
    if (c->state == CELL_LEASED) {
        lease_out_of_memory(c);
    } else if (c->state == CELL_CREATING) {
        hello_failed(c, "its memory does not suffice to start");
    } else if (c->state == CELL_PREPARING || c->state == CELL_PREPARED) {
        prepare_failed(c, "its memory does not suffice");
    } else {
        supply_end(c);
        supply_balance(k);
    }
}

static void on_control(watch_t *w, uint32_t events)
{
    cell_t *c = w->owner;
    keeper_t *k = c->keeper;
    frame_t frame;
    err_t err;
    (void)events;
    int n = frame_read(&c->reader, w->fd, &err);
    if (n > 0)
        n = frame_next(&c->reader, &frame, &err);
    if (n == 0)
        return;
    // Anything behind the HELLO would be lost to the worker, and has no business there.
    if (n < 0 || frame.type != FRAME_HELLO || c->reader.in.len != FRAME_HEADER) {
        hello_failed(c, n < 0 ? err.msg : "the first frame is not a lone HELLO");
        return;
    }
    loop_unwatch(k->loop, w);
    loop_disarm(k->loop, &c->alarm);
    frame_reader_free(&c->reader);
    cell_move(c, CELL_READY);
    pool_t *pool = keeper_pool(k, c);
    pool->failures = 0;
    pool->why[0] = '\0';
    pool_demand_made(&pool->demand, clock_mono_ns() - c->since_ns);
    DL_APPEND(pool->ready, c);
    lease_serve(k);
    supply_balance(k);
}

static void on_launcher(watch_t *w, uint32_t events)
{
    cell_t *c = w->owner;
    (void)events;
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    c->fds[c->connected++] = fd;
    if (c->connected < LEASE_FDS)
        return;
    loop_unwatch(c->keeper->loop, w);
    body_close_listener(&c->body);
    frame_reader_init(&c->reader);
    c->control = (watch_t){.fn = on_control, .owner = c, .fd = c->fds[0]};
    err_t err;
    if (loop_watch(c->keeper->loop, &c->control, EPOLLIN, &err) < 0)
        launch_failed(c, &err);
}

int supply_watch_memory(cell_t *c, err_t *err)
{
    c->memory = (watch_t){.fn = on_memory, .owner = c, .fd = c->body.group.oom};
    return loop_watch(c->keeper->loop, &c->memory, EPOLLIN | EPOLLPRI, err);
}

static int watch_body(cell_t *c, err_t *err)
{
    loop_t *loop = c->keeper->loop;
    c->process = (watch_t){.fn = on_process, .owner = c, .fd = c->body.pidfd};
    c->listener = (watch_t){.fn = on_launcher, .owner = c, .fd = c->body.listener};
    if (loop_watch(loop, &c->process, EPOLLIN, err) < 0 || supply_watch_memory(c, err) < 0)
        return -1;
    return loop_watch(loop, &c->listener, EPOLLIN, err);
}

static void run_make(job_t *job)
{
    cell_t *c = job->owner;
    job->result = body_make(&c->body, &c->keeper->ground, &job->err);
}

static void on_made(job_t *job)
{
    cell_t *c = job->owner;
    keeper_t *k = c->keeper;
    c->working = false;
    health_note(k, job->result, &job->err);
    if (c->state == CELL_DEAD) {
        supply_kill(c);
        return;
    }
    if (job->result == 0 && watch_body(c, &job->err) == 0) {
        c->alarm.fn = on_not_ready;
        loop_arm(k->loop, &c->alarm, in_ms(clock_mono_ns(), k->config->launch_timeout_ms));
        return;
    }
    if (k->health.ok) {
        launch_failed(c, &job->err);
        return;
    }
    // The engine is away: not this pool's failure, and health.c sees to it.
    supply_end(c);
}

void supply_launch(keeper_t *k, language_t language, runtime_t runtime, uint32_t disk_mb)
{
    char id[ID_TEXT];
    id_new(id);
    cell_t *c = cell_new(&k->ground, id, language, runtime, CELL_CREATING, &k->census);
    if (!c)
        return;
    c->keeper = k;
    c->body.disk_mb = disk_mb;
    c->body.memory = limit_memory_floor(language, runtime);
    c->body.uid = supply_take_uid(k);
    c->since_ns = clock_mono_ns();
    c->alarm.owner = c;
    c->job = (job_t){.run = run_make, .done = on_made, .owner = c};
    c->working = true;
    HASH_ADD_STR(k->cells, body.id, c);
    jobs_launch(k->jobs, &c->job);
}
