// The keeper's event loop: descriptors through epoll, timers on the monotonic clock.
//
// One thread runs it and calls every handler, so what handlers share needs no locks. Watches and
// timers live inside the things they belong to; the loop allocates nothing for them.
#ifndef CLOCHE_KEEPER_LOOP_H
#define CLOCHE_KEEPER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct loop loop_t;

// A watched descriptor. Zero it before use; `fd` stays its owner's.
typedef struct watch {
    void (*fn)(struct watch *w, uint32_t events); // EPOLL* bits
    void *owner;
    int fd;
    bool on;
} watch_t;

// A timer. Zero it before use.
typedef struct alarm {
    void (*fn)(struct alarm *t);
    void *owner;
    int64_t due_ns;
    struct alarm *child, *next, *prev; // a pairing heap; prev is the parent of a first child
    bool on;
} alarm_t;

int loop_open(loop_t **out, err_t *err) MUSTCHECK;
void loop_close(loop_t *loop);

// Runs until loop_stop is called from a handler.
int loop_run(loop_t *loop, err_t *err) MUSTCHECK;
void loop_stop(loop_t *loop);

// Watches w->fd for `events`, or changes what it is watched for. Set fn, owner and fd first.
int loop_watch(loop_t *loop, watch_t *w, uint32_t events, err_t *err) MUSTCHECK;
// Must come before the descriptor is closed. A watch that is off is left alone.
void loop_unwatch(loop_t *loop, watch_t *w);

// Calls t->fn once, at or soon after a time of CLOCK_MONOTONIC; moves a timer that is armed already.
void loop_arm(loop_t *loop, alarm_t *t, int64_t due_ns);
void loop_disarm(loop_t *loop, alarm_t *t);

#endif
