#include "keeper/processors.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
    LOOK_MS = 100, // the kernel counts in steps of 10 ms
    LATE_MS = 1000,
    IDLE_SHARE = 8 // idle for less than this part of the time is busy
};

void processors_note(processors_t *p, int64_t now_ns, int64_t idle_ms)
{
    int64_t ms = (now_ns - p->since_ns) / 1000000;
    p->busy =
        p->since_ns > 0 && ms < LATE_MS && (idle_ms - p->idle_ms) * IDLE_SHARE < ms * p->count;
    p->since_ns = now_ns;
    p->idle_ms = idle_ms;
}

// The first line of /proc/stat is the time of all processors since the start: "cpu", then in user mode, nice,
// in the kernel, idle, waiting for a disk, ... in ticks (proc(5)).
static int scan_idle_ms(FILE *f, int64_t *out)
{
    long long idle, disk;
    if (fscanf(f, "cpu %*d %*d %*d %lld %lld", &idle, &disk) != 2)
        return -1;
    *out = (idle + disk) * 1000 / sysconf(_SC_CLK_TCK);
    return 0;
}

static int read_idle_ms(int64_t *out)
{
    cleanup_fclose FILE *f = fopen("/proc/stat", "re");
    return f ? scan_idle_ms(f, out) : -1;
}

void processors_look(processors_t *p, int64_t now_ns)
{
    int64_t idle_ms;
    if (now_ns < p->since_ns + LOOK_MS * 1000000LL)
        return;
    if (read_idle_ms(&idle_ms) == 0)
        processors_note(p, now_ns, idle_ms);
}
