// How long to wait before the next try.
#ifndef CLOCHE_KEEPER_RETRY_H
#define CLOCHE_KEEPER_RETRY_H

#include <stdint.h>

// `first`, doubled for each try before, `most` at most.
static inline int64_t retry_ms(int64_t first, unsigned tries, int64_t most)
{
    while (tries-- && first < most)
        first *= 2;
    return first < most ? first : most;
}

#endif
