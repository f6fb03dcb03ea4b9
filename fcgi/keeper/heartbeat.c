#include "keeper/heartbeat.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/manager.h"

static void beat(alarm_t *alarm)
{
    heartbeat_t *h = alarm->owner;
    err_t err;
    if (manager_tell(MANAGER_ALIVE, &err) < 0)
        log_fail(LOG_WARN, "a heartbeat is missed", &err, NULL);
    loop_arm(h->loop, alarm, clock_mono_ns() + h->every_ns);
}

void heartbeat_start(heartbeat_t *h, loop_t *loop)
{
    *h = (heartbeat_t){.loop = loop, .every_ns = manager_interval_ns()};
    h->alarm = (alarm_t){.fn = beat, .owner = h};
    if (h->every_ns)
        beat(&h->alarm);
}
