// How often something may be tried: so many times at once, and after that once in an interval.
//
// One number per subject is kept, the time at which all of its tries are given back; each try moves it
// an interval on, and to give one back is to move it an interval back. A subject without a number, or whose time has passed, has all its tries.
#ifndef CLOCHE_CORE_THROTTLE_H
#define CLOCHE_CORE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t tries;       // at once
    int64_t interval_us; // gives one back
} throttle_t;

// Takes one try at `now_us` (any clock): moves *until_us and returns 0, or takes none and returns for how
// many microseconds to wait. A time further off than all tries make it, as after a clock that was set
// back, becomes that of no tries left.
int64_t throttle_take(const throttle_t *t, int64_t now_us, int64_t *until_us);

#endif
