#include "core/throttle.h"

int64_t throttle_take(const throttle_t *t, int64_t now_us, int64_t *until_us)
{
    int64_t last = now_us + t->tries * t->interval_us;
    if (*until_us > last)
        *until_us = last;
    int64_t until = (*until_us < now_us ? now_us : *until_us) + t->interval_us;
    if (until > last)
        return until - last;
    *until_us = until;
    return 0;
}
