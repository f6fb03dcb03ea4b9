#include "base/median.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int64_t median_of(int64_t *values, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] >= 0)
            values[known++] = values[i];
    if (!known)
        return -1;
    qsort(values, known, sizeof values[0], ascending);
    int64_t low = values[(known - 1) / 2], high = values[known / 2];
    return low + (high - low + 1) / 2;
}
