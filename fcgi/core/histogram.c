#include "core/histogram.h"

#include <math.h>
#include <stdbool.h>

enum { SUB_BITS = 4, SUB = 1 << SUB_BITS }; // buckets of each doubling

int histogram_bucket(int64_t value)
{
    uint64_t v = value < 0 ? 0 : value > HISTOGRAM_MAX ? HISTOGRAM_MAX : (uint64_t)value;
    if (v < SUB)
        return (int)v;
    int shift = 63 - __builtin_clzll(v) - SUB_BITS;
    return (shift + 1) * SUB + (int)(v >> shift) - SUB;
}

int64_t histogram_low(int bucket)
{
    if (bucket < SUB)
        return bucket;
    return (int64_t)(SUB + bucket % SUB) << (bucket / SUB - 1);
}

int64_t histogram_high(int bucket)
{
    return histogram_low(bucket + 1) - 1;
}

static int64_t middle(int bucket)
{
    return (histogram_low(bucket) + histogram_high(bucket)) / 2;
}

void histogram_add(histogram_t *h, int64_t value)
{
    if (value >= 0)
        h->counts[histogram_bucket(value)]++;
}

void histogram_merge(histogram_t *into, const histogram_t *from)
{
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

uint64_t histogram_count(const histogram_t *h)
{
    return histogram_count_to(h, INT64_MAX);
}

uint64_t histogram_count_to(const histogram_t *h, int64_t limit)
{
    uint64_t sum = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS && middle(i) <= limit; i++)
        sum += h->counts[i];
    return sum;
}

void histogram_percentiles(const histogram_t *h, const double *percents, size_t count, int64_t *out)
{
    uint64_t total = histogram_count(h), sum = h->counts[0];
    int bucket = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t rank = (uint64_t)ceil(percents[i] / 100 * (double)total);
        while (bucket < HISTOGRAM_BUCKETS - 1 && sum < (rank ? rank : 1))
            sum += h->counts[++bucket];
        out[i] = total ? middle(bucket) : -1;
    }
}

int64_t histogram_percentile(const histogram_t *h, double percent)
{
    int64_t value;
    histogram_percentiles(h, &percent, 1, &value);
    return value;
}

// ---- as bytes

enum { VARINT_MAX = 10 }; // bytes of 64 bits, seven in each

static char *put_varint(char *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (char)(value | 0x80);
    *out++ = (char)value;
    return out;
}

static bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; *p < end && shift < 63; shift += 7) {
        uint8_t byte = *(*p)++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static void pack_bucket(buf_t *out, uint64_t skipped, uint64_t count)
{
    char *room = buf_room(out, (size_t)2 * VARINT_MAX);
    if (room)
        buf_grew(out, (size_t)(put_varint(put_varint(room, skipped), count) - room));
}

void histogram_pack(const histogram_t *list, size_t count, buf_t *out)
{
    uint64_t skipped = 0; // buckets since the one that was written last
    for (size_t i = 0; i < count; i++)
        for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
            uint64_t n = list[i].counts[bucket];
            if (n)
                pack_bucket(out, skipped, n);
            skipped = n ? 0 : skipped + 1;
        }
}

int histogram_unpack(const void *data, size_t len, histogram_t *list, size_t count, err_t *err)
{
    const uint8_t *p = data, *end = p + len;
    uint64_t at = 0, all = count * HISTOGRAM_BUCKETS, skip, n;
    while (p < end) {
        if (!get_varint(&p, end, &skip) || !get_varint(&p, end, &n) || skip >= all - at)
            return err_set(err, ERR_INTERNAL, "a stored histogram is damaged");
        at += skip;
        list[at / HISTOGRAM_BUCKETS].counts[at % HISTOGRAM_BUCKETS] += n;
        at++;
    }
    return 0;
}
