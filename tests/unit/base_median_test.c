#include "base/median.h"

#include "support.h"

static void odd_and_even(void **state)
{
    (void)state;
    int64_t one[] = {7}, two[] = {9, 4}, three[] = {30, 10, 20}, four[] = {4, 1, 100, 2};
    assert_int_equal(median_of(one, COUNT(one)), 7);
    assert_int_equal(median_of(two, COUNT(two)), 7);
    assert_int_equal(median_of(three, COUNT(three)), 20);
    assert_int_equal(median_of(four, COUNT(four)), 3);
}

static void unknown_values_do_not_count(void **state)
{
    (void)state;
    int64_t none[] = {-1, -1}, some[] = {-1, 5, -1, 3, 4}, zeros[] = {0, -1, 0};
    assert_int_equal(median_of(none, 0), -1);
    assert_int_equal(median_of(none, COUNT(none)), -1);
    assert_int_equal(median_of(some, COUNT(some)), 4);
    assert_int_equal(median_of(zeros, COUNT(zeros)), 0);
}

static void great_values_do_not_overflow(void **state)
{
    (void)state;
    int64_t values[] = {INT64_MAX, INT64_MAX - 2};
    assert_int_equal(median_of(values, COUNT(values)), INT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_and_even),
        cmocka_unit_test(unknown_values_do_not_count),
        cmocka_unit_test(great_values_do_not_overflow),
    };
    return RUN_TESTS(tests);
}
