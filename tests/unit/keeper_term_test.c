// Terms: where a function's calls are short and several at a time, a lease may serve more than one of them.
#include "keeper_term_support.h"

// ---- who is offered one

// Of the first calls of a function it is not known how long they are.
static void the_first_and_the_only_caller_are_offered_none(void **state)
{
    (void)state;
    pair_t p = begin_pair();
    assert_false(pair_up(&p, &p.wanted));
    part_pair(&p);
    for (int i = 0; i < 3; i++) {
        p.one = lease(p.first, &p.wanted);
        assert_false(take_term(p.first, &p.term));
        give_back(p.first, &p.one);
    }
    end_pair(&p);
}

static void one_of_several_at_a_time_is_offered_a_term(void **state)
{
    (void)state;
    config.idle_max_requests = MANY_REQUESTS;
    pair_t p = begin_pair();
    share(&p);
    int64_t heard_ns = clock_mono_ns();
    int64_t granted_ns = in_ms(p.two.grant.deadline_ns, -(int64_t)p.wanted.lease.timeout_ms);
    assert_true(granted_ns >= p.asked_ns);
    assert_true(p.term.until_ns >= in_ms(granted_ns, TERM_MS));
    assert_true(p.term.until_ns <= in_ms(heard_ns, TERM_MS));
    assert_int_equal(p.term.calls, TERM_CALLS);
    // The figures are those of the GRANT, for which there was one look.
    assert_int_equal(p.term.cpu_before_us, p.looked_us + FAKE_CPU_US);
    assert_int_equal(p.term.peak_before, -1);
    end_shared(&p);
}

static void await_queued(int worker, uint32_t wanted)
{
    for (int ms = 0; counts(worker).queued != wanted; ms++) {
        if (ms == WAIT_MS)
            fail_msg("there are not %u requests in the queue", wanted);
        usleep(1000);
    }
}

// Two wait for the cell of the first, as there may be no other. Whether the one who gets it is offered a term;
// the last one is not, whom nobody else waits for.
static bool offered_in_queue(int first, int second, int third)
{
    lease_msg_t wanted = kept_request();
    lease_term_t term;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(first, &wanted);
    tell(second, &wanted);
    await_queued(first, 1);
    tell(third, &wanted);
    await_queued(first, 2);
    give_back(first, &held);
    held = take_grant(second);
    bool offered = take_term(second, &term);
    give_back(second, &held);
    held = take_grant(third);
    assert_false(take_term(third, &term));
    give_back(third, &held);
    return offered;
}

static void one_whom_others_wait_for_is_offered_a_term(void **state)
{
    (void)state;
    int first = begin(), second = connect_worker(), third = connect_worker(), tries = 0;
    do {
        assert_true(++tries < TRIES);
        call_shortly(first);
    } while (!offered_in_queue(first, second, third));
    close(second);
    close(third);
    end(first);
}

// Another request in the place of one that would be offered a term, next to one that is.
static void expect_none(pair_t *p, const lease_msg_t *other)
{
    share(p);
    part_pair(p);
    call_shortly(p->first);
    if (pair_up(p, other))
        fail_msg("isolation %d, check_revision %d, runtime %d", other->lease.isolation,
                 other->lease.check_revision, other->lease.runtime);
    part_pair(p);
}

static void who_may_share_no_cell_is_offered_none(void **state)
{
    (void)state;
    lease_msg_t alone = request(), old = kept_request(), sandbox = kept_request();
    old.lease.check_revision = 0;
    sandbox.lease.runtime = RUNTIME_GVISOR;
    pair_t p = begin_pair();
    expect_none(&p, &alone);
    expect_none(&p, &old);
    expect_none(&p, &sandbox);
    end_pair(&p);
}

// A lease that lasts until the cell has waited a moment.
static void wait_in_cell(const held_t *held)
{
    char head[16];
    struct pollfd p = {.fd = held->fds[0], .events = POLLIN};
    assert_int_equal(write(held->fds[0], "wh", 2), 2);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_true(read(held->fds[0], head, sizeof head) > 0);
}

// It is what they lately were that counts.
static void long_calls_are_offered_none(void **state)
{
    (void)state;
    pair_t p = begin_pair();
    share(&p);
    part_pair(&p);
    for (int i = 0; i < 3; i++) {
        held_t held = lease(p.first, &p.wanted);
        wait_in_cell(&held);
        give_back(p.first, &held);
    }
    assert_false(pair_up(&p, &p.wanted));
    part_pair(&p);
    share(&p);
    end_shared(&p);
}

static void a_long_lease_of_many_calls_had_short_ones(void **state)
{
    (void)state;
    config.idle_max_requests = MANY_REQUESTS;
    pair_t p = begin_pair();
    bool offered = false;
    for (int i = 0; !offered && i < TRIES; i++) {
        share(&p);
        give_back(p.first, &p.one);
        for (int j = 0; j < 3; j++) {
            wait_in_cell(&p.two);
            bring_back(p.second, &p.two, p.term.calls, look(), -1);
            held_t first = lease(p.first, &p.wanted);
            p.two = lease(p.second, &p.wanted);
            offered = take_term(p.second, &p.term);
            give_back(p.first, &first);
            if (!offered)
                break;
        }
        release(p.second, &p.two, false);
    }
    assert_true(offered);
    end_pair(&p);
}

// Both cells that there may be are at work for a function as one more call of it waits, and perhaps, for longer,
// one of another function. Whether that call, which gets the cell that comes back, is offered a term.
static bool offered_beside(int workers[4], bool another)
{
    lease_msg_t wanted = kept_request(), other = kept_request();
    lease_term_t term;
    call_shortly(workers[0]);
    held_t one = lease(workers[0], &wanted), two = lease(workers[1], &wanted);
    take_term(workers[1], &term);
    str_copy(other.lease.function_id, ID_TEXT, other_function);
    if (another)
        tell(workers[3], &other);
    await_queued(workers[0], another);
    tell(workers[2], &wanted);
    await_queued(workers[0], another + 1);
    give_back(workers[1], &two);
    held_t next = take_grant(workers[2]);
    assert_ptr_equal(next.cell, two.cell);
    bool offered = take_term(workers[2], &term);
    release(workers[2], &next, false);
    if (another) {
        held_t last = take_grant(workers[3]);
        release(workers[3], &last, false);
    }
    give_back(workers[0], &one);
    return offered;
}

static void none_is_offered_while_another_function_waits(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    config.max_cells = 2;
    config.queue_timeout_ms = WAIT_MS;
    start_keeper();
    int workers[4];
    for (int i = 0; i < 4; i++)
        workers[i] = connect_worker();
    for (int i = 0; i < 3; i++) {
        int tries = 0;
        while (!offered_beside(workers, false))
            assert_true(++tries < TRIES);
        assert_false(offered_beside(workers, true));
    }
    for (int i = 1; i < 4; i++)
        close(workers[i]);
    end(workers[0]);
}

// A function holds as many cells as it may, and one more call of it waits for one of these: it would take no other.
static void one_is_offered_while_others_wait_for_their_own(void **state)
{
    (void)state;
    config.max_cells = 3;
    config.queue_timeout_ms = WAIT_MS;
    start_keeper();
    int first = connect_worker(), second = connect_worker(), tries = 0;
    int holder = connect_worker(), waiting = connect_worker();
    lease_msg_t wanted = kept_request(), other = kept_request();
    lease_term_t term;
    str_copy(other.lease.function_id, ID_TEXT, other_function);
    other.lease.max_concurrency = 1;
    held_t held = lease(holder, &other);
    tell(waiting, &other);
    await_queued(first, 1);
    bool offered;
    do {
        assert_true(++tries < TRIES);
        call_shortly(first);
        held_t one = lease(first, &wanted), two = lease(second, &wanted);
        offered = take_term(second, &term);
        give_back(second, &two);
        give_back(first, &one);
    } while (!offered);
    release(holder, &held, false);
    held = take_grant(waiting);
    release(waiting, &held, false);
    close(second);
    close(holder);
    close(waiting);
    end(first);
}

// ---- what comes back

static void its_calls_are_requests_that_the_cell_served(void **state)
{
    (void)state;
    enum { MOST = 24, MANY = 7 };
    config.idle_max_requests = MOST;
    pair_t p = begin_pair();
    share(&p);
    const fake_cell_t *cell = p.two.cell;
    bool offered = true;
    for (uint32_t served = 0;;) {
        uint32_t left = MOST - served, calls = !offered ? 1 : left < MANY ? left : MANY;
        if (offered)
            assert_int_equal(p.term.calls, left);
        bring_back(p.second, &p.two, calls, look(), -1);
        served += calls;
        if (served == MOST)
            break;
        p.two = lease(p.second, &p.wanted);
        assert_ptr_equal(p.two.cell, cell);
        offered = take_term(p.second, &p.term);
    }
    await_death(cell);
    give_back(p.first, &p.one);
    end_pair(&p);
}

static void figures_of_several_calls_begin_where_the_worker_says(void **state)
{
    (void)state;
    static const struct {
        int64_t before, peak;
    } peaks[] = {{FAKE_PEAK - 1, FAKE_PEAK}, {FAKE_PEAK, -1}, {FAKE_PEAK + 1, -1}, {-1, FAKE_PEAK}};
    pair_t p = begin_pair();
    share(&p);
    for (size_t i = 0; i < COUNT(peaks); i++) {
        fake_cpu_us += WORKED_US;
        lease_usage_t usage = bring_back(p.second, &p.two, 2, look(), peaks[i].before);
        assert_int_equal(usage.cpu_us, FAKE_CPU_US);
        assert_int_equal(usage.memory_peak_bytes, peaks[i].peak);
        p.two = lease(p.second, &p.wanted);
        take_term(p.second, &p.term);
    }
    end_shared(&p);
}

static void figures_of_one_call_begin_at_its_grant(void **state)
{
    (void)state;
    fake_keeps_peak = true;
    pair_t p = begin_pair();
    share(&p);
    fake_cpu_us += WORKED_US;
    int64_t now = look();
    lease_usage_t usage = bring_back(p.second, &p.two, 1, now, FAKE_PEAK);
    assert_int_equal(usage.cpu_us, now + FAKE_CPU_US - p.term.cpu_before_us);
    assert_int_equal(usage.memory_peak_bytes, FAKE_PEAK);
    // From now on that is an earlier call's, whatever the worker says.
    p.two = lease(p.second, &p.wanted);
    if (take_term(p.second, &p.term))
        assert_int_equal(p.term.peak_before, FAKE_PEAK);
    assert_int_equal(bring_back(p.second, &p.two, 1, 0, -1).memory_peak_bytes, -1);
    give_back(p.first, &p.one);
    end_pair(&p);
}

// A term in which the cell is killed, and what it used until then counted; where the meter was a look before.
static int64_t share_until_killed(pair_t *p)
{
    lease_msg_t msg;
    p->wanted.lease.timeout_ms = TIMEOUT_MS;
    share(p);
    fake_cpu_us += WORKED_US;
    int64_t last = look();
    expect(p->second, MSG_KILLED, &msg, NULL);
    int64_t now = clock_mono_ns(), due = in_ms(p->term.until_ns, TIMEOUT_MS);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    assert_true(now >= due && due > p->two.grant.deadline_ns);
    p->late_ms = (now - due) / 1000000;
    await_death(p->two.cell);
    return last;
}

static void figures_of_a_killed_cell_begin_where_the_worker_says(void **state)
{
    (void)state;
    static const struct {
        uint32_t calls;
        int64_t before, peak;
    } cases[] = {{2, FAKE_PEAK - 1, FAKE_PEAK},
                 {3, FAKE_PEAK, -1},
                 {2, -1, FAKE_PEAK},
                 {1, FAKE_PEAK, FAKE_PEAK}};
    pair_t p = begin_pair();
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t last = share_until_killed(&p);
        fake_cpu_us += WORKED_US; // which it cannot have used any more
        lease_usage_t usage = bring_back(p.second, &p.two, cases[i].calls, last, cases[i].before);
        int64_t from = cases[i].calls > 1 ? last : p.term.cpu_before_us;
        assert_int_equal(usage.killed, WHY_TIMEOUT);
        assert_int_equal(usage.cpu_us, last + FAKE_CPU_US - from);
        assert_int_equal(usage.memory_peak_bytes, cases[i].peak);
        give_back(p.first, &p.one);
    }
    end_pair(&p);
}

static void a_call_that_begins_as_the_term_ends_has_its_whole_time(void **state)
{
    (void)state;
    pair_t p = begin_pair();
    int tries = 0;
    do {
        assert_true(++tries < 10);
        share_until_killed(&p);
        part_pair(&p);
    } while (p.late_ms > LATE_MS);
    end_pair(&p);
}

static void what_no_lease_can_have_had_ends_the_connection(void **state)
{
    (void)state;
    static const lease_release_t bad[] = {{.calls = 0},
                                          {.calls = 2}, // without a term
                                          {.calls = 1, .cpu_before_us = -1},
                                          {.calls = 1, .peak_before = -2}};
    int worker = begin();
    lease_msg_t wanted = kept_request();
    for (size_t i = 0; i < COUNT(bad); i++) {
        int other = connect_worker(), none[LEASE_FDS];
        held_t held = lease(other, &wanted);
        lease_msg_t msg = {.type = MSG_RELEASE, .release = bad[i]};
        msg.release.reusable = 1;
        str_copy(msg.release.cell, ID_TEXT, held.grant.cell);
        tell(other, &msg);
        if (hear_within(other, &msg, none, WAIT_MS) != -1)
            fail_msg("release %zu was answered", i);
        await_death(held.cell);
        drop_sockets(&held);
        close(other);
    }
    end(worker);
}

static void more_calls_than_the_term_allows_end_the_connection(void **state)
{
    (void)state;
    pair_t p = begin_pair();
    share(&p);
    // What the last one began with is believed, but not that it gave time back.
    assert_int_equal(bring_back(p.second, &p.two, p.term.calls, INT64_MAX, -1).cpu_us, 0);
    give_back(p.first, &p.one);
    share(&p);
    lease_msg_t msg = {.type = MSG_RELEASE, .release = {.calls = p.term.calls + 1}};
    int none[LEASE_FDS];
    str_copy(msg.release.cell, ID_TEXT, p.two.grant.cell);
    tell(p.second, &msg);
    assert_int_equal(hear_within(p.second, &msg, none, WAIT_MS), -1);
    await_death(p.two.cell);
    drop_sockets(&p.two);
    give_back(p.first, &p.one);
    end_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_first_and_the_only_caller_are_offered_none),
        KEEPER_TEST(one_of_several_at_a_time_is_offered_a_term),
        KEEPER_TEST(one_whom_others_wait_for_is_offered_a_term),
        KEEPER_TEST(who_may_share_no_cell_is_offered_none),
        KEEPER_TEST(long_calls_are_offered_none),
        KEEPER_TEST(a_long_lease_of_many_calls_had_short_ones),
        KEEPER_TEST(none_is_offered_while_another_function_waits),
        KEEPER_TEST(one_is_offered_while_others_wait_for_their_own),
        KEEPER_TEST(its_calls_are_requests_that_the_cell_served),
        KEEPER_TEST(figures_of_several_calls_begin_where_the_worker_says),
        KEEPER_TEST(figures_of_one_call_begin_at_its_grant),
        KEEPER_TEST(figures_of_a_killed_cell_begin_where_the_worker_says),
        KEEPER_TEST(a_call_that_begins_as_the_term_ends_has_its_whole_time),
        KEEPER_TEST(what_no_lease_can_have_had_ends_the_connection),
        KEEPER_TEST(more_calls_than_the_term_allows_end_the_connection),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
