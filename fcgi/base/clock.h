// Time. Deadlines, queues and rates use the monotonic clock only: the wall clock may jump.
#ifndef CLOCHE_BASE_CLOCK_H
#define CLOCHE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Nanoseconds of CLOCK_MONOTONIC; comparable between processes of one boot.
int64_t clock_mono_ns(void);

static inline int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

// Milliseconds left until a monotonic time in ns, rounded up, never below 0: fit for poll().
int clock_left_ms(int64_t deadline_ns);

// Microseconds since 1970-01-01 UTC.
int64_t clock_wall_us(void);

// RFC 3339 UTC with milliseconds, "2026-01-31T12:00:00.000Z", from microseconds since 1970.
// The buffer takes at least CLOCK_TEXT bytes.
enum { CLOCK_TEXT = 32 };
void clock_format(int64_t wall_us, char out[CLOCK_TEXT]);

// The reverse; fractions of a second up to six digits, "Z" or an offset such as +02:00.
int clock_parse(const char *text, int64_t *wall_us, err_t *err) MUSTCHECK;

#endif
