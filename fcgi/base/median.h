// The median of measured values.
#ifndef CLOCHE_BASE_MEDIAN_H
#define CLOCHE_BASE_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

// Median of those values that are known, that is not negative; of an even number of them the mean of the
// two in the middle, rounded up. -1 when none is known. Sorts the values.
int64_t median_of(int64_t *values, size_t count);

#endif
