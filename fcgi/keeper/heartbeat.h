// Tells the service manager again and again that the loop turns: a keeper that hangs is started anew.
#ifndef CLOCHE_KEEPER_HEARTBEAT_H
#define CLOCHE_KEEPER_HEARTBEAT_H

#include "keeper/loop.h"

typedef struct {
    loop_t *loop;
    alarm_t alarm;
    int64_t every_ns;
} heartbeat_t;

// Does nothing when nobody waits for it. `h` must stay until the loop is closed.
void heartbeat_start(heartbeat_t *h, loop_t *loop);

#endif
