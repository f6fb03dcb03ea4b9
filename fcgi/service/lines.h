// How much two texts differ, in lines.
#ifndef CLOCHE_SERVICE_LINES_H
#define CLOCHE_SERVICE_LINES_H

#include <stdint.h>

#include "base/err.h"

// Counts the lines of `b` that `a` has not, and the other way round; a line that only moved is neither.
int lines_compare(const char *a, const char *b, int64_t *added, int64_t *removed,
                  err_t *err) MUSTCHECK;

#endif
