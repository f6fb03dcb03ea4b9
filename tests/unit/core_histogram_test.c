// Bucket arithmetic, percentiles against sorted values, and the packed form.
#include "core/histogram.h"

#include "base/cleanup.h"
#include "support.h"

enum { PACKED_MAX = 64 * 1024 };

static void buckets_are_seamless(void **state)
{
    (void)state;
    assert_int_equal(histogram_low(0), 0);
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        int64_t low = histogram_low(i), high = histogram_high(i);
        assert_true(low <= high);
        assert_int_equal(histogram_bucket(low), i);
        assert_int_equal(histogram_bucket(high), i);
        if (i)
            assert_int_equal(low, histogram_high(i - 1) + 1);
        // The middle is at most 1/32 away from any value of its bucket.
        assert_true((high - low) * 16 <= low);
    }
    assert_int_equal(histogram_high(HISTOGRAM_BUCKETS - 1), HISTOGRAM_MAX);
    assert_int_equal(histogram_bucket(INT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// From microseconds to a quarter of an hour, small ones more often.
static int64_t random_value(uint32_t *random)
{
    return (int64_t)(test_random(random) % 900000000) >> test_random(random) % 30;
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    static const double percents[] = {1, 25, 50, 90, 95, 99, 99.9, 100};
    static int64_t values[5000];
    uint32_t random = 5;
    for (size_t count = 1; count <= COUNT(values); count = count * 3 / 2 + 1) {
        histogram_t h = {0};
        for (size_t i = 0; i < count; i++) {
            values[i] = random_value(&random);
            histogram_add(&h, values[i]);
        }
        qsort(values, count, sizeof values[0], by_value);
        assert_int_equal(histogram_count(&h), count);
        for (size_t p = 0; p < COUNT(percents); p++) {
            size_t rank = 1;
            while ((double)rank * 100 < percents[p] * (double)count)
                rank++;
            double exact = (double)values[rank - 1];
            double told = (double)histogram_percentile(&h, percents[p]);
            assert_true(told >= exact * 0.95 && told <= exact * 1.05);
        }
    }
}

static void merging_is_adding_all_to_one(void **state)
{
    (void)state;
    uint32_t random = 9;
    histogram_t all = {0}, parts[3] = {0}, merged = {0};
    for (int i = 0; i < 3000; i++) {
        int64_t value = random_value(&random);
        histogram_add(&all, value);
        histogram_add(&parts[i % 3], value);
    }
    for (int i = 0; i < 3; i++)
        histogram_merge(&merged, &parts[i]);
    assert_memory_equal(&merged, &all, sizeof all);
}

static void unknown_values_and_none_at_all(void **state)
{
    (void)state;
    histogram_t h = {0};
    assert_int_equal(histogram_percentile(&h, 50), -1);
    histogram_add(&h, -1);
    assert_int_equal(histogram_count(&h), 0);
    histogram_add(&h, 0);
    assert_int_equal(histogram_percentile(&h, 50), 0);
    assert_int_equal(histogram_percentile(&h, 0), 0);
}

static void counts_up_to_a_limit(void **state)
{
    (void)state;
    histogram_t h = {0};
    histogram_add(&h, 3);
    histogram_add(&h, 1000);
    histogram_add(&h, 5000000);
    assert_int_equal(histogram_count_to(&h, 2), 0);
    assert_int_equal(histogram_count_to(&h, 3), 1);
    assert_int_equal(histogram_count_to(&h, 1100), 2);
    assert_int_equal(histogram_count_to(&h, INT64_MAX), 3);
}

static void packed_and_back(void **state)
{
    (void)state;
    uint32_t random = 3;
    for (int round = 0; round < 50; round++) {
        histogram_t list[3] = {0}, back[3] = {0};
        for (int i = 0; i < round * 20; i++)
            histogram_add(&list[test_random(&random) % 3], random_value(&random));
        list[2].counts[HISTOGRAM_BUCKETS - 1] = UINT64_MAX >> 1 >> round;
        cleanup_buf buf_t packed = BUF_INIT(PACKED_MAX);
        histogram_pack(list, 3, &packed);
        assert_false(buf_failed(&packed));
        assert_ok(histogram_unpack(packed.data, packed.len, back, 3, NULL));
        assert_memory_equal(back, list, sizeof list);
        // Unpacking adds.
        assert_ok(histogram_unpack(packed.data, packed.len, back, 3, NULL));
        assert_int_equal(histogram_count(&back[0]), 2 * histogram_count(&list[0]));
    }
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    histogram_t h = {0};
    err_t err;
    static const uint8_t half[] = {5}, endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                                    0x80, 0x80, 0x80, 0x80, 1,    1};
    static const uint8_t beyond[] = {0xd0, 0x03, 1}; // the 465th
    assert_fails(histogram_unpack(half, sizeof half, &h, 1, &err), err, ERR_INTERNAL);
    assert_fails(histogram_unpack(endless, sizeof endless, &h, 1, &err), err, ERR_INTERNAL);
    assert_fails(histogram_unpack(beyond, sizeof beyond, &h, 1, &err), err, ERR_INTERNAL);
    uint32_t random = 1;
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[12];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)test_random(&random);
        int rc = histogram_unpack(bytes, test_random(&random) % sizeof bytes, &h, 1, &err);
        assert_true(rc == 0 || err.code == ERR_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_seamless),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(merging_is_adding_all_to_one),
        cmocka_unit_test(unknown_values_and_none_at_all),
        cmocka_unit_test(counts_up_to_a_limit),
        cmocka_unit_test(packed_and_back),
        cmocka_unit_test(damaged_bytes_are_refused),
    };
    return RUN_TESTS(tests);
}
