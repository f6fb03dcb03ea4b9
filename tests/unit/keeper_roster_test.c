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

enum { US = 1000, MS = 1000 * US };

static void what_others_took_of_the_processors_is_not_the_calls(void **state)
{
    (void)state;
    // Sixteen to a processor, each of which computes for 1 ms: fifteen of them were others' turns.
    assert_int_equal(roster_alone_ns(16 * MS, 1 * MS, 32, 2), 1 * MS);
    // One that sleeps for most of its time was not kept waiting by so little.
    assert_int_equal(roster_alone_ns(100 * MS, 1 * MS, 32, 2), 85 * MS);
    // With a processor to each there was nothing to wait for.
    assert_int_equal(roster_alone_ns(16 * MS, 16 * MS, 2, 2), 16 * MS);
    assert_int_equal(roster_alone_ns(5 * MS, 1 * MS, 1, 4), 5 * MS);
    // Computing takes as long as it takes, whatever came of the others.
    assert_int_equal(roster_alone_ns(16 * MS, 12 * MS, 32, 2), 12 * MS);
    assert_int_equal(roster_alone_ns(16 * MS, 0, 32, 2), 16 * MS);
    // Of several threads that compute, the time they took is the call's.
    assert_int_equal(roster_alone_ns(5 * MS, 10 * MS, 32, 2), 5 * MS);
}

static void a_call_that_stood_still_does_not_make_a_function_long(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    assert_false(roster_is_short(f)); // nothing is known
    roster_called(f, 1 * MS, false);
    assert_true(roster_is_short(f));
    roster_called(f, 60 * 1000LL * MS, true);
    assert_true(roster_is_short(f));
    // Many are not by chance.
    for (int i = 0; i < 8; i++)
        roster_called(f, 60 * 1000LL * MS, true);
    assert_false(roster_is_short(f));
    for (int i = 0; i < 8; i++)
        roster_called(f, 1 * MS, true);
    assert_true(roster_is_short(f));
    // And nothing stands still where there is room.
    roster_called(f, 60 * 1000LL * MS, false);
    assert_false(roster_is_short(f));
    roster_free(&all);
}

static void patience_lasts_while_a_busy_machine_serves(void **state)
{
    (void)state;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    waiter_t w = {.want.isolation = ISOLATION_FUNCTION, .since_ns = 1000LL * MS}, next = w;
    f->leased = 4;
    roster_called(f, 1 * MS, false);
    roster_wait(&all, f, &w);
    roster_wait(&all, f, &next);
    int64_t over = w.since_ns + 20 * MS;
    assert_true(roster_can_wait(f, &w, over - 1, false));
    assert_false(roster_can_wait(f, &w, over, false));
    assert_false(roster_can_wait(f, &w, over, true)); // nobody was served
    roster_drop(&all, &next);
    roster_served(&all, f, w.since_ns + 15 * MS);
    assert_false(roster_can_wait(f, &w, over, false));
    assert_true(roster_can_wait(f, &w, over, true));
    assert_int_equal(roster_patience_ns(&w, true), w.since_ns + 35 * MS);
    // Not for ever.
    roster_served(&all, f, w.since_ns + 195 * MS);
    assert_int_equal(roster_patience_ns(&w, true), w.since_ns + 200 * MS);
    // A long call is not waited for at all.
    for (int i = 0; i < 8; i++)
        roster_called(f, 100 * MS, false);
    assert_false(roster_can_wait(f, &w, w.since_ns, true));
    roster_drop(&all, &w);
    roster_free(&all);
}

static void join_queue(roster_t *all, function_t *f, waiter_t *w, int from, int to)
{
    for (int i = from; i < to; i++)
        roster_wait(all, f, &w[i]);
}

static void leave_queue(roster_t *all, waiter_t *w, int from, int to)
{
    for (int i = from; i < to; i++)
        roster_drop(all, &w[i]);
}

static void a_queue_that_has_overflowed_is_kept_short(void **state)
{
    (void)state;
    enum { LENGTH = 100, MANY = LENGTH + 1, SHORTER = LENGTH / 4 };
    const int64_t timeout = 60000LL * MS;
    roster_t all = {0};
    function_t *f = roster_get(&all, id);
    waiter_t w[MANY] = {0};
    join_queue(&all, f, w, 0, LENGTH);
    assert_false(roster_is_over(f, LENGTH, timeout));
    join_queue(&all, f, w, LENGTH, MANY);
    assert_true(roster_is_over(f, LENGTH, timeout));
    leave_queue(&all, w, SHORTER + 1, MANY);
    assert_true(roster_is_over(f, LENGTH, timeout));
    leave_queue(&all, w, SHORTER, SHORTER + 1);
    assert_false(roster_is_over(f, LENGTH, timeout));
    join_queue(&all, f, w, SHORTER, SHORTER + 1);
    assert_true(roster_is_over(f, LENGTH, timeout));
    // Until nobody waited any more.
    leave_queue(&all, w, 0, SHORTER + 1);
    join_queue(&all, f, w, 0, LENGTH);
    assert_false(roster_is_over(f, LENGTH, timeout));
    leave_queue(&all, w, 0, LENGTH);
    // A short one is as long as it is.
    join_queue(&all, f, w, 0, 4);
    assert_true(roster_is_over(f, 3, timeout));
    leave_queue(&all, w, 3, 4);
    assert_false(roster_is_over(f, 3, timeout));
    // One of 16 keeps eight.
    join_queue(&all, f, w, 3, 9);
    assert_true(roster_is_over(f, 16, timeout));
    leave_queue(&all, w, 8, 9);
    assert_false(roster_is_over(f, 16, timeout));
    leave_queue(&all, w, 0, 8);
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
        cmocka_unit_test(what_others_took_of_the_processors_is_not_the_calls),
        cmocka_unit_test(a_call_that_stood_still_does_not_make_a_function_long),
        cmocka_unit_test(patience_lasts_while_a_busy_machine_serves),
        cmocka_unit_test(a_queue_that_has_overflowed_is_kept_short),
        cmocka_unit_test(the_longest_unused_are_forgotten),
    };
    return RUN_TESTS(tests);
}
