// Histograms with log-spaced buckets: counts of values, from which percentiles are told within 3.2 % and
// which merge by summing.
//
// Values are whole and not negative. Below 16 each has a bucket of its own; above, each doubling is cut
// into 16 buckets of equal width. Values past the last bucket (HISTOGRAM_MAX; in microseconds over an
// hour) count as its greatest.
#ifndef CLOCHE_CORE_HISTOGRAM_H
#define CLOCHE_CORE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { HISTOGRAM_BUCKETS = 464 };
#define HISTOGRAM_MAX UINT32_MAX

typedef struct {
    uint64_t counts[HISTOGRAM_BUCKETS];
} histogram_t;

// The bucket of a value, and a bucket's least and greatest value.
int histogram_bucket(int64_t value);
int64_t histogram_low(int bucket);
int64_t histogram_high(int bucket);

void histogram_add(histogram_t *h,
                   int64_t value); // a negative value is "not known" and not counted
void histogram_merge(histogram_t *into, const histogram_t *from);
uint64_t histogram_count(const histogram_t *h);
// How many values are in buckets whose middle is not above the limit.
uint64_t histogram_count_to(const histogram_t *h, int64_t limit);
// For each of the ascending percents, the value that so many of all are not above (the middle of its
// bucket), -1 without values.
void histogram_percentiles(const histogram_t *h, const double *percents, size_t count,
                           int64_t *out);
int64_t histogram_percentile(const histogram_t *h, double percent);

// Histograms as bytes: pairs of varints, the distance to the next bucket that is not empty (counted
// through all of them) and its count.
void histogram_pack(const histogram_t *list, size_t count, buf_t *out);
// Adds what was packed to the histograms. ERR_INTERNAL for bytes that no histogram_pack made.
int histogram_unpack(const void *data, size_t len, histogram_t *list, size_t count,
                     err_t *err) MUSTCHECK;

#endif
