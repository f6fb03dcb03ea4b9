#include "keeper/pool.h"

#include "support.h"

enum { POOLS = 4 };

// Open pools of two cells each, all full, used in the order of their numbers.
static void fill(pool_load_t loads[POOLS])
{
    for (int i = 0; i < POOLS; i++)
        loads[i] = (pool_load_t){.ready = 2, .size = 2, .used_ns = i, .open = true};
}

static const pool_room_t roomy = {.cells = 8, .max_cells = 16, .making = 0, .max_making = 2};
static const pool_room_t full = {.cells = 16, .max_cells = 16, .making = 0, .max_making = 2};

static void assert_step(const pool_load_t *loads, const pool_room_t *room, int action, int pool)
{
    pool_step_t step = pool_next(loads, POOLS, room);
    assert_int_equal(step.action, action);
    assert_int_equal(step.pool, pool);
}

static void full_pools_rest(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    assert_step(loads, &roomy, POOL_REST, -1);
}

static void the_emptiest_pool_is_filled_first(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[1].ready = 1;
    loads[2].ready = 0;
    assert_step(loads, &roomy, POOL_LAUNCH, 2);
    loads[2].coming = 2;
    assert_step(loads, &roomy, POOL_LAUNCH, 1);
}

static void of_equals_the_last_used_is_filled_first(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    for (int i = 0; i < POOLS; i++)
        loads[i].ready = 0;
    assert_step(loads, &roomy, POOL_LAUNCH, 3);
}

static void waiting_requests_come_before_filling(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[3].ready = 0;
    loads[0].lacking = 1;
    loads[0].lacking_ns = 50;
    assert_step(loads, &roomy, POOL_LAUNCH, 0);
    loads[1].lacking = 5;
    loads[1].lacking_ns = 40;
    assert_step(loads, &roomy, POOL_LAUNCH, 1);
}

static void room_for_a_request_is_taken_from_the_least_recently_used(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[3].lacking = 1;
    loads[3].ready = 0;
    assert_step(loads, &full, POOL_EVICT, 0);
    loads[0].ready = 0;
    assert_step(loads, &full, POOL_EVICT, 1);
}

static void no_cell_is_given_up_to_fill_a_pool(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[3].ready = 0;
    assert_step(loads, &full, POOL_REST, -1);
}

static void idle_cells_make_room_first(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[3].lacking = 1;
    pool_room_t room = full;
    room.idle = 2;
    assert_step(loads, &room, POOL_DROP, -1);
    // Not where there is room.
    room.cells = 15;
    assert_step(loads, &room, POOL_LAUNCH, 3);
}

static void for_a_pool_only_what_is_unused_is_dropped(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    pool_room_t room = full;
    room.idle = 2;
    loads[1].ready = 0;
    assert_step(loads, &room, POOL_REST, -1);
    room.unused = 1;
    assert_step(loads, &room, POOL_DROP, -1);
    loads[1].ready = 2;
    assert_step(loads, &room, POOL_REST, -1);
}

static void nothing_is_given_up_when_all_are_in_use(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    for (int i = 0; i < POOLS; i++)
        loads[i].ready = 0;
    loads[2].lacking = 1;
    assert_step(loads, &full, POOL_REST, -1);
}

static void what_is_beyond_the_size_is_given_up(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[1].ready = 3;
    assert_step(loads, &roomy, POOL_EVICT, 1);
    // Not while a request lacks a cell of this kind: the ready ones do not fit it, but may be next.
    loads[1].lacking = 1;
    assert_step(loads, &roomy, POOL_LAUNCH, 1);
}

static void closed_pools_are_passed_over(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[0].lacking = 1;
    loads[0].open = false;
    assert_step(loads, &roomy, POOL_REST, -1);
    assert_step(loads, &full, POOL_REST, -1);
    loads[2].ready = 0;
    assert_step(loads, &roomy, POOL_LAUNCH, 2);
}

static void no_more_are_made_at_a_time_than_allowed(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[0].lacking = 9;
    const pool_room_t busy = {.cells = 4, .max_cells = 16, .making = 2, .max_making = 2};
    assert_step(loads, &busy, POOL_REST, -1);
}

static void while_functions_run_filling_takes_half_of_the_launches(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[1].ready = 0;
    pool_room_t room = {.cells = 4, .max_cells = 16, .making = 2, .max_making = 4};
    assert_step(loads, &room, POOL_LAUNCH, 1);
    room.leased = 1;
    assert_step(loads, &room, POOL_REST, -1);
    room.making = 1;
    assert_step(loads, &room, POOL_LAUNCH, 1);
    // A single launch is never taken away, and who waits has all of them.
    room.making = 0;
    room.max_making = 1;
    assert_step(loads, &room, POOL_LAUNCH, 1);
    room.making = 3;
    room.max_making = 4;
    loads[2].lacking = 1;
    assert_step(loads, &room, POOL_LAUNCH, 2);
}

static void what_is_put_off_is_not_filled_but_for_a_request(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    loads[1].ready = 0;
    loads[1].put_off = true;
    assert_step(loads, &roomy, POOL_REST, -1);
    loads[2].ready = 1;
    assert_step(loads, &roomy, POOL_LAUNCH, 2);
    loads[1].lacking = 1;
    assert_step(loads, &roomy, POOL_LAUNCH, 1);
}

static void filling_is_put_off_once_however_much_is_taken(void **state)
{
    (void)state;
    const int64_t pause = POOL_PUT_OFF_MS * 1000000LL, now = 5000;
    int64_t since = 0;
    assert_int_equal(pool_fill_ns(&since, false, now), now);
    assert_int_equal(pool_fill_ns(&since, true, now), now + pause);
    for (int64_t later = now; later < now + 3 * pause; later += pause / 4)
        assert_int_equal(pool_fill_ns(&since, true, later), now + pause);
    // Full for a moment, it is put off anew.
    assert_int_equal(pool_fill_ns(&since, false, now + pause), now + pause);
    assert_int_equal(pool_fill_ns(&since, true, now + pause), now + 2 * pause);
}

static void when_memory_is_short_idle_cells_go(void **state)
{
    (void)state;
    pool_load_t loads[POOLS];
    fill(loads);
    pool_room_t room = roomy;
    room.tight = true;
    assert_step(loads, &room, POOL_REST, -1);
    room.idle = 1;
    assert_step(loads, &room, POOL_DROP, -1);
}

static const int64_t second = 1000000000;

// So many cells taken a second, evenly, for so long.
static int64_t take(pool_demand_t *d, int64_t from, int per_s, int seconds)
{
    for (int i = 0; i < per_s * seconds; i++)
        pool_demand_taken(d, from + i * second / per_s);
    return from + seconds * second;
}

static void the_size_is_what_is_taken_while_one_is_made(void **state)
{
    (void)state;
    pool_demand_t d = {0};
    assert_int_equal(pool_demand_size(&d, second, 2, 16), 2);
    pool_demand_made(&d, second / 2);
    int64_t now = take(&d, second, 8, 60);
    // 8 a second for half a second each, and half as many in reserve.
    assert_int_equal(pool_demand_size(&d, now, 2, 16), 6);
    assert_int_equal(pool_demand_size(&d, now, 2, 5), 6); // it shrinks with time only
    pool_demand_t bounded = {.make_s = 0.5};
    take(&bounded, second, 8, 60);
    assert_int_equal(pool_demand_size(&bounded, now, 2, 5), 5);
    pool_demand_t least = {.make_s = 0.5};
    take(&least, second, 8, 60);
    assert_int_equal(pool_demand_size(&least, now, 9, 5), 9);
}

static void slower_making_wants_more(void **state)
{
    (void)state;
    pool_demand_t d = {0};
    pool_demand_made(&d, second / 2);
    for (int i = 0; i < 30; i++)
        pool_demand_made(&d, second);
    int64_t now = take(&d, second, 8, 60);
    assert_int_equal(pool_demand_size(&d, now, 2, 16), 12);
}

static void a_quiet_pool_shrinks_step_by_step(void **state)
{
    (void)state;
    pool_demand_t d = {0};
    pool_demand_made(&d, second / 2);
    int64_t now = take(&d, second, 8, 60);
    uint32_t last = pool_demand_size(&d, now, 2, 16);
    assert_int_equal(pool_demand_size(&d, now + second, 2, 16), last);
    for (int i = 1; i <= 120; i++) {
        uint32_t size = pool_demand_size(&d, now + i * second, 2, 16);
        assert_true(size == last || size == last - 1);
        last = size;
    }
    assert_int_equal(last, 2);
    // Without a least size nothing is kept for one request in a while.
    pool_demand_t rare = {.make_s = 0.5};
    pool_demand_taken(&rare, second);
    assert_int_equal(pool_demand_size(&rare, 2 * second, 0, 16), 0);
}

static void memory_bounds_the_number_of_cells(void **state)
{
    (void)state;
    assert_int_equal(pool_fit(0), 4);
    assert_int_equal(pool_fit(8LL * 1024 * 1024), 64);
    assert_int_equal(pool_fit(1024LL * 1024 * 1024), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_pools_rest),
        cmocka_unit_test(the_emptiest_pool_is_filled_first),
        cmocka_unit_test(of_equals_the_last_used_is_filled_first),
        cmocka_unit_test(waiting_requests_come_before_filling),
        cmocka_unit_test(room_for_a_request_is_taken_from_the_least_recently_used),
        cmocka_unit_test(no_cell_is_given_up_to_fill_a_pool),
        cmocka_unit_test(idle_cells_make_room_first),
        cmocka_unit_test(for_a_pool_only_what_is_unused_is_dropped),
        cmocka_unit_test(nothing_is_given_up_when_all_are_in_use),
        cmocka_unit_test(what_is_beyond_the_size_is_given_up),
        cmocka_unit_test(closed_pools_are_passed_over),
        cmocka_unit_test(no_more_are_made_at_a_time_than_allowed),
        cmocka_unit_test(while_functions_run_filling_takes_half_of_the_launches),
        cmocka_unit_test(what_is_put_off_is_not_filled_but_for_a_request),
        cmocka_unit_test(filling_is_put_off_once_however_much_is_taken),
        cmocka_unit_test(when_memory_is_short_idle_cells_go),
        cmocka_unit_test(the_size_is_what_is_taken_while_one_is_made),
        cmocka_unit_test(slower_making_wants_more),
        cmocka_unit_test(a_quiet_pool_shrinks_step_by_step),
        cmocka_unit_test(memory_bounds_the_number_of_cells),
    };
    return RUN_TESTS(tests);
}
