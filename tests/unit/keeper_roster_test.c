#include "keeper/roster.h"

#include <stdio.h>

#include "support.h"

static const char id[] = "01926f5c-7d3e-7a10-8000-000000000001";
static const char other[] = "01926f5c-7d3e-7a10-8000-000000000002";

static lease_request_t request(int64_t revision)
{
    return (lease_request_t){.revision = revision, .check_revision = 1, .max_concurrency = 2};
}

static void revisions_only_rise(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    lease_request_t three = request(3), four = request(4);
    assert_int_equal(roster_check(f, &three), REVISION_OK);
    roster_changed(f, 4, false);
    roster_changed(f, 2, false);
    assert_int_equal(roster_check(f, &three), REVISION_STALE);
    assert_int_equal(roster_check(f, &four), REVISION_OK);
    roster_free(&all);
}

static void an_old_version_may_be_asked_for_on_purpose(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    lease_request_t old = request(1);
    old.check_revision = 0;
    roster_changed(f, 4, false);
    assert_int_equal(roster_check(f, &old), REVISION_OK);
    roster_free(&all);
}

static void the_deleted_stay_deleted(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    lease_request_t any = request(9);
    roster_changed(f, 4, true);
    roster_changed(f, 5, false);
    assert_int_equal(roster_check(f, &any), REVISION_GONE);
    roster_free(&all);
}

static void the_request_names_the_concurrency(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    lease_request_t want = request(1);
    f->leased = 1;
    assert_true(roster_may_lease(f, &want));
    f->leased = 2;
    assert_false(roster_may_lease(f, &want));
    roster_free(&all);
}

static void roster_take_turns(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id), *g = roster_get(&all, other);
    waiter_t w[3] = {0};
    roster_wait(&all, f, &w[0]);
    roster_wait(&all, f, &w[1]);
    roster_wait(&all, g, &w[2]);
    assert_ptr_equal(all.turns, f);
    roster_drop(&all, &w[0]);
    roster_served(&all, f, 1);
    assert_ptr_equal(all.turns, g);
    roster_drop(&all, &w[2]);
    roster_served(&all, g, 2);
    assert_ptr_equal(all.turns, f);
    assert_ptr_equal(f->waiters, &w[1]);
    assert_int_equal(all.waiting, 1);
    roster_drop(&all, &w[1]);
    roster_drop(&all, &w[1]);
    assert_null(all.turns);
    assert_int_equal(all.waiting, 0);
    roster_free(&all);
}

static void the_pace_of_a_queue_says_how_long_it_takes(void **state)
{
    (void)state;
    enum { WAITING = 20, SERVED = 10, MS = 1000000 };
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    waiter_t w[WAITING + SERVED] = {0};
    for (int i = 0; i < WAITING + SERVED; i++)
        roster_wait(&all, f, &w[i]);
    // The first are served at once, which says nothing of the others.
    for (int i = 0; i < SERVED; i++) {
        if (i < 9)
            assert_int_equal(roster_queue_ns(f), 0);
        roster_drop(&all, &w[i]);
        roster_served(&all, f, (int64_t)(i + 1) * 100 * MS);
    }
    assert_int_equal(f->waiting, WAITING);
    assert_int_equal(roster_queue_ns(f), (int64_t)WAITING * 100 * MS);
    // Faster now, and believed by and by.
    int64_t before = roster_queue_ns(f);
    roster_drop(&all, &w[SERVED]);
    roster_served(&all, f, (SERVED * 100 + 1) * MS);
    assert_in_range(roster_queue_ns(f), before / 2, before - 1);
    // A short queue is left to try.
    for (int i = SERVED + 1; i < WAITING + SERVED - 7; i++)
        roster_drop(&all, &w[i]);
    assert_int_equal(f->waiting, 7);
    assert_int_equal(roster_queue_ns(f), 0);
    // With the queue gone, what was is forgotten.
    for (int i = WAITING + SERVED - 7; i < WAITING + SERVED; i++)
        roster_drop(&all, &w[i]);
    for (int i = 0; i < WAITING; i++)
        roster_wait(&all, f, &w[i]);
    assert_int_equal(roster_queue_ns(f), 0);
    roster_free(&all);
}

static void the_longest_unused_are_forgotten(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    roster_t all = {0};
    function_t *busy = roster_get(&all, id);
    busy->leased = 1;
    function_t *waited_for = roster_get(&all, other);
    waiter_t w = {0};
    roster_wait(&all, waited_for, &w);
    for (int i = 0; i < MANY; i++) {
        char name[ID_TEXT];
        snprintf(name, sizeof name, "01926f5c-7d3e-7a10-9000-%012d", i);
        assert_non_null(roster_get(&all, name));
    }
    assert_true(HASH_COUNT(all.by_id) < MANY);
    assert_ptr_equal(roster_get(&all, id), busy);
    assert_ptr_equal(roster_get(&all, other), waited_for);
    roster_drop(&all, &w);
    roster_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revisions_only_rise),
        cmocka_unit_test(an_old_version_may_be_asked_for_on_purpose),
        cmocka_unit_test(the_deleted_stay_deleted),
        cmocka_unit_test(the_request_names_the_concurrency),
        cmocka_unit_test(roster_take_turns),
        cmocka_unit_test(the_pace_of_a_queue_says_how_long_it_takes),
        cmocka_unit_test(the_longest_unused_are_forgotten),
    };
    return RUN_TESTS(tests);
}
