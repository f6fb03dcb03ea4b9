#include "keeper/cell.h"

#include "support.h"

// What docs/keeper.md allows, written out again: row from, column to.
static const bool allowed[CELL_STATE_COUNT][CELL_STATE_COUNT] = {
    [CELL_CREATING] = {[CELL_READY] = true, [CELL_DEAD] = true},
    [CELL_READY] = {[CELL_PREPARING] = true, [CELL_LEASED] = true, [CELL_DEAD] = true},
    [CELL_PREPARING] = {[CELL_PREPARED] = true, [CELL_DEAD] = true},
    [CELL_PREPARED] = {[CELL_LEASED] = true, [CELL_DEAD] = true},
    [CELL_LEASED] = {[CELL_IDLE] = true, [CELL_DEAD] = true},
    [CELL_IDLE] = {[CELL_LEASED] = true, [CELL_DEAD] = true},
    [CELL_FOUND] = {[CELL_LEASED] = true, [CELL_DEAD] = true},
};

static const char id[] = "01926f5c-7d3e-7a10-8000-000000000001";

static void every_move_is_allowed_or_not(void **state)
{
    (void)state;
    for (cell_state_t from = 0; from < CELL_STATE_COUNT; from++)
        for (cell_state_t to = 0; to < CELL_STATE_COUNT; to++)
            if (cell_may(from, to) != allowed[from][to])
                fail_msg("%s to %s", cell_state_name(from), cell_state_name(to));
}

static void a_cell_that_held_code_never_becomes_ready(void **state)
{
    (void)state;
    for (cell_state_t from = CELL_PREPARING; from < CELL_STATE_COUNT; from++)
        assert_false(cell_may(from, CELL_READY));
}

static void nothing_leaves_death(void **state)
{
    (void)state;
    for (cell_state_t to = 0; to < CELL_STATE_COUNT; to++)
        assert_false(cell_may(CELL_DEAD, to));
}

static void the_census_follows_every_move(void **state)
{
    (void)state;
    const ground_t ground = {.dir = -1};
    census_t census = {0};
    cell_t *c = cell_new(&ground, id, LANG_JAVASCRIPT, RUNTIME_GVISOR, CELL_CREATING, &census);
    const uint32_t *n = census.n[LANG_JAVASCRIPT][RUNTIME_GVISOR];
    assert_int_equal(n[CELL_CREATING], 1);
    assert_int_equal(census_living(&census), 1);
    cell_move(c, CELL_READY);
    assert_int_equal(n[CELL_CREATING], 0);
    assert_int_equal(n[CELL_READY], 1);
    cell_move(c, CELL_LEASED);
    assert_int_equal(census_in(&census, CELL_LEASED), 1);
    cell_move(c, CELL_DEAD);
    assert_int_equal(n[CELL_DEAD], 1);
    assert_int_equal(census_living(&census), 0);
    cell_free(c);
    assert_int_equal(n[CELL_DEAD], 0);
}

static void cells_nobody_claimed_do_not_count_against_the_limit(void **state)
{
    (void)state;
    const ground_t ground = {.dir = -1};
    census_t census = {0};
    cell_t *c = cell_new(&ground, id, LANG_PYTHON, RUNTIME_DOCKER, CELL_FOUND, &census);
    assert_int_equal(census_living(&census), 0);
    cell_retype(c, LANG_JAVASCRIPT, RUNTIME_DOCKER);
    cell_move(c, CELL_LEASED);
    assert_int_equal(census_living(&census), 1);
    assert_int_equal(census.n[LANG_JAVASCRIPT][RUNTIME_DOCKER][CELL_LEASED], 1);
    cell_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move_is_allowed_or_not),
        cmocka_unit_test(a_cell_that_held_code_never_becomes_ready),
        cmocka_unit_test(nothing_leaves_death),
        cmocka_unit_test(the_census_follows_every_move),
        cmocka_unit_test(cells_nobody_claimed_do_not_count_against_the_limit),
    };
    return RUN_TESTS(tests);
}
