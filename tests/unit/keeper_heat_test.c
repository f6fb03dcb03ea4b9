// How many prepared cells a function should have, and when there is room for one.
#include "keeper/heat.h"

#include "support.h"

enum { AFTER = 3, MOST = 4 };

static const int64_t second = 1000000000;
static const int64_t start = 1000000000000;

// Calls that come evenly; the time of the last one.
static int64_t call(heat_t *h, int64_t from, int count, double every_s)
{
    for (int i = 0; i < count; i++)
        heat_called(h, from + (int64_t)(i * every_s * 1e9));
    return from + (int64_t)((count - 1) * every_s * 1e9);
}

static void a_few_calls_make_it_hot(void **state)
{
    (void)state;
    heat_t h = {0};
    assert_int_equal(heat_size(&h, start, AFTER, MOST), 0);
    int64_t now = call(&h, start, 2, 1);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 0);
    heat_called(&h, now + second);
    assert_int_equal(heat_size(&h, now + second, AFTER, MOST), 1);
}

static void calls_that_are_minutes_apart_do_not(void **state)
{
    (void)state;
    heat_t h = {0};
    int64_t now = call(&h, start, 100, 60);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 0);
    // A call every twenty seconds does.
    now = call(&h, now, 20, 20);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 1);
}

static void it_stays_hot_until_it_is_called_much_less(void **state)
{
    (void)state;
    heat_t h = {0};
    int64_t now = call(&h, start, 4, 1);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 1);
    assert_int_equal(heat_size(&h, now + 60 * second, AFTER, MOST),
                     1); // fewer than would make it hot
    assert_int_equal(heat_size(&h, now + 120 * second, AFTER, MOST), 0);
    assert_int_equal(heat_size(&h, now + 121 * second, AFTER, MOST), 0);
    // One more call is not enough then.
    heat_called(&h, now + 122 * second);
    assert_int_equal(heat_size(&h, now + 122 * second, AFTER, MOST), 0);
}

static void it_does_not_stay_hot_for_a_burst_of_long_ago(void **state)
{
    (void)state;
    heat_t h = {0};
    int64_t now = call(&h, start, 1000, 0.001);
    assert_int_equal(heat_size(&h, now + 120 * second, AFTER, MOST), 1);
    assert_int_equal(heat_size(&h, now + 121 * second, AFTER, MOST), 0);
    assert_int_equal(heat_size(&h, now + 122 * second, AFTER, MOST), 0);
}

static void it_has_as_many_as_are_taken_while_one_loads(void **state)
{
    (void)state;
    for (uint32_t most = 0; most <= MOST; most++) {
        heat_t h = {0};
        heat_loaded(&h, second / 2);
        int64_t now = call(&h, start, 200, 0.2);
        assert_int_equal(heat_size(&h, now, AFTER, most), most);
    }
    heat_t h = {0};
    heat_loaded(&h, second / 2);
    int64_t now = call(&h, start, 200, 0.2);
    assert_int_equal(heat_size(&h, now, AFTER, 100), 4); // 5/s × 0.5 s × 1.5
}

static void it_shrinks_step_by_step(void **state)
{
    (void)state;
    heat_t h = {0};
    heat_loaded(&h, second / 2);
    int64_t now = call(&h, start, 200, 0.2);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 4);
    now += 60 * second;
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 3);
    assert_int_equal(heat_size(&h, now, AFTER, MOST), 3);
    assert_int_equal(heat_size(&h, now + 5 * second, AFTER, MOST), 2);
    assert_int_equal(heat_size(&h, now + 10 * second, AFTER, MOST), 1);
    assert_int_equal(heat_size(&h, now + 15 * second, AFTER, MOST), 1);
}

static const heat_room_t roomy = {.cells = 8,
                                  .max_cells = 16,
                                  .preparing = 0,
                                  .max_preparing = 2,
                                  .kept = 1,
                                  .max_kept = 4,
                                  .have = 1,
                                  .ready = 2,
                                  .ready_size = 2};

static void there_is_room_or_not(void **state)
{
    (void)state;
    assert_true(heat_has_room(&roomy));
    heat_room_t room = roomy;
    room.tight = true;
    assert_false(heat_has_room(&room));
    room = roomy;
    room.kept = 4;
    assert_false(heat_has_room(&room));
    room = roomy;
    room.cells = 16; // none for what takes the place of the ready cell
    assert_false(heat_has_room(&room));
    room = roomy;
    room.preparing = 1;
    assert_true(heat_has_room(&room));
    room.preparing = 2;
    assert_false(heat_has_room(&room));
}

static void only_the_first_takes_the_last_of_a_pool(void **state)
{
    (void)state;
    heat_room_t room = roomy;
    room.ready = 1;
    assert_false(heat_has_room(&room));
    room.have = 0;
    assert_true(heat_has_room(&room));
    room.ready = 0;
    assert_false(heat_has_room(&room));
}

static void further_ones_leave_half_of_the_pool(void **state)
{
    (void)state;
    heat_room_t room = roomy;
    room.ready_size = 5;
    assert_false(heat_has_room(&room));
    room.ready = 3;
    assert_true(heat_has_room(&room));
    room.ready_size = 1;
    room.ready = 1;
    assert_true(heat_has_room(&room));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_calls_make_it_hot),
        cmocka_unit_test(calls_that_are_minutes_apart_do_not),
        cmocka_unit_test(it_stays_hot_until_it_is_called_much_less),
        cmocka_unit_test(it_does_not_stay_hot_for_a_burst_of_long_ago),
        cmocka_unit_test(it_has_as_many_as_are_taken_while_one_loads),
        cmocka_unit_test(it_shrinks_step_by_step),
        cmocka_unit_test(there_is_room_or_not),
        cmocka_unit_test(only_the_first_takes_the_last_of_a_pool),
        cmocka_unit_test(further_ones_leave_half_of_the_pool),
    };
    return cmocka_run_group_tests_name("heat", tests, NULL, NULL);
}
