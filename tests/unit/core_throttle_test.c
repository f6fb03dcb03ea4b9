#include "core/throttle.h"

#include "support.h"

static const throttle_t THREE = {.tries = 3, .interval_us = 100};

static void tries_run_out_and_come_back_one_by_one(void **state)
{
    (void)state;
    int64_t until = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(&THREE, 1000, &until), 0);
    assert_int_equal(until, 1300);
    assert_int_equal(throttle_take(&THREE, 1000, &until), 100);
    assert_int_equal(throttle_take(&THREE, 1099, &until), 1);
    assert_int_equal(until, 1300); // a refusal costs nothing
    assert_int_equal(throttle_take(&THREE, 1100, &until), 0);
    assert_int_equal(throttle_take(&THREE, 1100, &until), 100);
}

static void after_a_rest_all_tries_are_there(void **state)
{
    (void)state;
    int64_t until = 1300;
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(&THREE, 1300, &until), 0);
    assert_int_equal(throttle_take(&THREE, 1300, &until), 100);
    // However long the rest, never more.
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(&THREE, 1000000, &until), 0);
    assert_int_equal(throttle_take(&THREE, 1000000, &until), 100);
}

static void a_try_that_was_given_back_can_be_taken_again(void **state)
{
    (void)state;
    int64_t until = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(throttle_take(&THREE, 1000, &until), 0);
        until -= THREE.interval_us;
    }
    assert_int_equal(until, 1000);
}

static void a_clock_that_was_set_back_costs_one_interval(void **state)
{
    (void)state;
    int64_t until = 5000000;
    assert_int_equal(throttle_take(&THREE, 1000, &until), 100);
    assert_int_equal(until, 1300);
    assert_int_equal(throttle_take(&THREE, 1100, &until), 0);
}

static void one_try_is_one_per_interval(void **state)
{
    (void)state;
    const throttle_t one = {.tries = 1, .interval_us = 50};
    int64_t until = 0;
    assert_int_equal(throttle_take(&one, 10, &until), 0);
    assert_int_equal(throttle_take(&one, 10, &until), 50);
    assert_int_equal(throttle_take(&one, 59, &until), 1);
    assert_int_equal(throttle_take(&one, 60, &until), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_run_out_and_come_back_one_by_one),
        cmocka_unit_test(after_a_rest_all_tries_are_there),
        cmocka_unit_test(a_try_that_was_given_back_can_be_taken_again),
        cmocka_unit_test(a_clock_that_was_set_back_costs_one_interval),
        cmocka_unit_test(one_try_is_one_per_interval),
    };
    return RUN_TESTS(tests);
}
