// What a service manager that started this process wants to hear: systemd's protocol, sd_notify(3), which is a
// datagram to the socket in NOTIFY_SOCKET. Where nobody listens these do nothing.
#ifndef CLOCHE_BASE_MANAGER_H
#define CLOCHE_BASE_MANAGER_H

#include <stdint.h>

#include "base/err.h"

#define MANAGER_READY "READY=1"
#define MANAGER_ALIVE "WATCHDOG=1"

// Sends a state. Never waits: -1 also when the manager does not take it right now.
int manager_tell(const char *state, err_t *err) MUSTCHECK;

// How often MANAGER_ALIVE is to be sent, in ns: twice in the time after which this process counts as hung.
// 0: nobody waits for it.
int64_t manager_interval_ns(void);

#endif
