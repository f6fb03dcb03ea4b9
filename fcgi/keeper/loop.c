#include "keeper/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct loop {
    int epoll;
    int timer;
    int64_t timer_set; // what the timerfd is armed for, 0 when it is not
    alarm_t *heap;
    bool stopped;
};

int loop_open(loop_t **out, err_t *err)
{
    loop_t *loop = calloc(1, sizeof *loop);
    if (!loop)
        return err_set(err, ERR_INTERNAL, "out of memory");
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll < 0 || loop->timer < 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timer, &event) < 0) {
        err_errno(err, "cannot make the event loop");
        loop_close(loop);
        return -1;
    }
    *out = loop;
    return 0;
}

void loop_close(loop_t *loop)
{
    if (!loop)
        return;
    fd_close(&loop->epoll);
    fd_close(&loop->timer);
    free(loop);
}

int loop_watch(loop_t *loop, watch_t *w, uint32_t events, err_t *err)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll, w->on ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &event) < 0)
        return err_errno(err, "cannot watch a descriptor");
    w->on = true;
    return 0;
}

void loop_unwatch(loop_t *loop, watch_t *w)
{
    if (w->on)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->on = false;
}

// Joins two heaps; the one that is due first becomes the root.
static alarm_t *meld(alarm_t *a, alarm_t *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->due_ns < a->due_ns) {
        alarm_t *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

// Makes one heap of a list of siblings: in pairs from the left, then all together from the right.
static alarm_t *meld_siblings(alarm_t *first)
{
    alarm_t *pairs = NULL;
    while (first) {
        alarm_t *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    alarm_t *heap = NULL;
    while (pairs) {
        alarm_t *a = pairs;
        pairs = a->next;
        a->next = NULL;
        heap = meld(heap, a);
    }
    return heap;
}

void loop_arm(loop_t *loop, alarm_t *t, int64_t due_ns)
{
    loop_disarm(loop, t);
    t->due_ns = due_ns;
    t->child = t->next = t->prev = NULL;
    t->on = true;
    loop->heap = meld(loop->heap, t);
}

void loop_disarm(loop_t *loop, alarm_t *t)
{
    if (!t->on)
        return;
    t->on = false;
    alarm_t *below = meld_siblings(t->child);
    if (t == loop->heap) {
        loop->heap = below;
        return;
    }
    if (t->prev->child == t)
        t->prev->child = t->next;
    else
        t->prev->next = t->next;
    if (t->next)
        t->next->prev = t->prev;
    loop->heap = meld(loop->heap, below);
}

// Arms the timerfd for the first alarm; 1 ns after the epoch stands for "already due".
static void set_timer(loop_t *loop)
{
    int64_t due = loop->heap ? loop->heap->due_ns : 0;
    if (loop->heap && due < 1)
        due = 1;
    if (due == loop->timer_set)
        return;
    struct itimerspec when = {
        .it_value = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000}};
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
    loop->timer_set = due;
}

static void ring(loop_t *loop)
{
    int64_t now = clock_mono_ns();
    while (!loop->stopped && loop->heap && loop->heap->due_ns <= now) {
        alarm_t *t = loop->heap;
        loop_disarm(loop, t);
        t->fn(t);
    }
}

int loop_run(loop_t *loop, err_t *err)
{
    loop->stopped = false;
    while (!loop->stopped) {
        set_timer(loop);
        // One event at a time: whatever a handler frees cannot have another event waiting behind it.
        struct epoll_event event;
        int n = epoll_wait(loop->epoll, &event, 1, -1);
        if (n < 0 && errno != EINTR)
            return err_errno(err, "cannot wait for events");
        if (n == 1 && event.data.ptr) {
            watch_t *w = event.data.ptr;
            w->fn(w, event.events);
        } else if (n == 1) {
            uint64_t times;
            ssize_t got = read(loop->timer, &times, sizeof times);
            (void)got;
            loop->timer_set = 0;
        }
        ring(loop);
    }
    return 0;
}

void loop_stop(loop_t *loop)
{
    loop->stopped = true;
}
