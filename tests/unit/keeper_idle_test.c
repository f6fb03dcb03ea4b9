// Cells of isolation `function`: kept for the next request of their function, and for nobody else.
#include "keeper_support.h"

static const char other_function[] = "01926f5c-7d3e-7a10-8000-000000000002";

static lease_msg_t kept_request(void)
{
    lease_msg_t msg = request();
    msg.lease.isolation = ISOLATION_FUNCTION;
    return msg;
}

static void await_frozen(const fake_cell_t *c, bool frozen)
{
    for (int ms = 0; c->frozen != frozen; ms++) {
        if (ms == WAIT_MS)
            fail_msg("the cell is still %s", frozen ? "running" : "frozen");
        usleep(1000);
    }
}

static uint32_t idle(int worker)
{
    return counts(worker).pools[LANG_PYTHON][RUNTIME_DOCKER].idle;
}

static void changed(int worker, int64_t revision, bool deleted)
{
    lease_msg_t msg = {.type = MSG_CHANGED, .changed = {.revision = revision, .deleted = deleted}};
    str_copy(msg.changed.function_id, ID_TEXT, function_id);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
}

static void the_next_request_has_the_same_cell(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t first = lease(worker, &wanted);
    assert_int_equal(first.grant.start, START_PREWARMED);
    assert_false(first.grant.prepared);
    lease_usage_t usage = give_back(worker, &first);
    assert_int_equal(usage.memory_peak_bytes, FAKE_PEAK);
    await_frozen(first.cell, true);
    assert_int_equal(idle(worker), 1);
    held_t again = lease(worker, &wanted);
    assert_ptr_equal(again.cell, first.cell);
    assert_int_equal(again.grant.start, START_WARM);
    assert_true(again.grant.prepared);
    assert_int_equal(idle(worker), 0);
    await_frozen(again.cell, false);
    // Its sockets are still the cell's, and its deadline is a new one.
    char said;
    assert_int_equal(write(again.fds[0], "e", 1), 1);
    struct pollfd p = {.fd = again.fds[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_int_equal(read(again.fds[0], &said, 1), 1);
    usage = release(worker, &again, false);
    assert_true(usage.cpu_us > 0 && usage.cpu_us % FAKE_CPU_US == 0);
    await_death(again.cell);
    await_ready(worker, 4);
    end(worker);
}

static void the_deadline_holds_in_a_kept_cell(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request(), msg;
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    wanted.lease.timeout_ms = 50;
    held = lease(worker, &wanted);
    assert_int_equal(held.grant.start, START_WARM);
    expect(worker, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    // Nothing brings it back.
    assert_int_equal(give_back(worker, &held).killed, WHY_TIMEOUT);
    await_death(held.cell);
    assert_int_equal(idle(worker), 0);
    end(worker);
}

// What a request may differ in and still not be served by the kept cell.
static void another(lease_request_t *want, int i)
{
    switch (i) {
    case 0:
        str_copy(want->function_id, ID_TEXT, other_function);
        break;
    case 1:
        want->revision = 2;
        break;
    case 2:
        want->memory_mb = 64;
        break;
    case 3:
        want->cpu_millis = 1000;
        break;
    case 4:
        want->isolation = ISOLATION_REQUEST;
        break;
    case 5:
        want->check_revision = 0;
        break;
    case 6:
        want->language = LANG_JAVASCRIPT;
        break;
    default:
        want->runtime = RUNTIME_GVISOR;
        break;
    }
}

static void nobody_else_gets_it(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t kept = lease(worker, &wanted);
    give_back(worker, &kept);
    for (int i = 0; i < 8; i++) {
        lease_msg_t other = kept_request();
        another(&other.lease, i);
        held_t held = lease(worker, &other);
        if (held.cell == kept.cell || held.grant.start == START_WARM || held.grant.prepared)
            fail_msg("request %d was given the kept cell", i);
        release(worker, &held, false);
    }
    assert_int_equal(idle(worker), 1);
    end(worker);
}

static void isolation_request_and_old_versions_are_never_kept(void **state)
{
    (void)state;
    int worker = begin();
    for (int i = 4; i <= 5; i++) {
        lease_msg_t wanted = kept_request();
        another(&wanted.lease, i);
        held_t held = lease(worker, &wanted);
        give_back(worker, &held);
        await_death(held.cell);
    }
    end(worker);
}

static void a_cell_that_said_more_is_not_kept(void **state)
{
    (void)state;
    int worker = begin();
    for (int i = 0; i < LEASE_FDS; i++) {
        lease_msg_t wanted = kept_request();
        held_t held = lease(worker, &wanted);
        // It speaks on all three; all but one are read.
        assert_int_equal(write(held.fds[0], "e", 1), 1);
        for (int j = 0; j < LEASE_FDS; j++) {
            char said;
            struct pollfd p = {.fd = held.fds[j], .events = POLLIN};
            assert_int_equal(poll(&p, 1, WAIT_MS), 1);
            if (j != i)
                assert_int_equal(read(held.fds[j], &said, 1), 1);
        }
        give_back(worker, &held);
        await_death(held.cell);
    }
    await_ready(worker, 4);
    end(worker);
}

static void what_it_says_while_idle_ends_it(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    int late = dup(held.fds[0]);
    give_back(worker, &held);
    struct pollfd p = {.fd = late, .events = POLLIN};
    assert_int_equal(write(late, "e", 1), 1);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    await_ready(worker, 4);
    held_t next = lease(worker, &wanted);
    assert_ptr_not_equal(next.cell, held.cell);
    assert_int_equal(next.grant.start, START_PREWARMED);
    close(late);
    await_death(held.cell);
    release(worker, &next, false);
    end(worker);
}

static void a_cell_that_ends_while_idle_is_forgotten(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    kill(held.cell->pid, SIGKILL);
    await_death(held.cell);
    assert_int_equal(idle(worker), 0);
    end(worker);
}

static void what_it_works_while_idle_ends_it(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    await_ready(worker, 4);
    fake_cpu_us += 20000;
    held_t next = lease(worker, &wanted);
    assert_ptr_not_equal(next.cell, held.cell);
    assert_int_equal(next.grant.start, START_PREWARMED);
    await_death(held.cell);
    // What it works for a request is no reason.
    fake_cpu_us += 20000;
    give_back(worker, &next);
    held = lease(worker, &wanted);
    assert_ptr_equal(held.cell, next.cell);
    release(worker, &held, false);
    end(worker);
}

static void a_busy_cell_is_not_frozen(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    int64_t until = clock_mono_ns() + (int64_t)SOON_MS * 1000000;
    held_t held;
    do {
        held = lease(worker, &wanted);
        assert_false(held.cell->frozen);
        give_back(worker, &held);
    } while (clock_left_ms(until));
    await_frozen(held.cell, true);
    end(worker);
}

static void sockets_that_a_worker_sends_are_not_the_cells(void **state)
{
    (void)state;
    int worker = begin(), pair[2];
    lease_msg_t wanted = kept_request(), msg = {.version = LEASE_VERSION,
                                                .type = MSG_RELEASE,
                                                .release = {.reusable = 1, .calls = 1}};
    held_t held = lease(worker, &wanted);
    test_socketpair(pair);
    const int forged[LEASE_FDS] = {pair[0], pair[0], pair[0]};
    str_copy(msg.release.cell, ID_TEXT, held.grant.cell);
    assert_ok(lease_send(worker, &msg, forged, LEASE_FDS, NULL));
    expect(worker, MSG_USAGE, &msg, NULL);
    close(pair[0]);
    // Nobody kept a copy.
    char said;
    assert_int_equal(read(pair[1], &said, 1), 0);
    close(pair[1]);
    drop_sockets(&held);
    held_t next = lease(worker, &wanted);
    assert_ptr_equal(next.cell, held.cell);
    assert_int_equal(write(next.fds[0], "e", 1), 1);
    struct pollfd p = {.fd = next.fds[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    release(worker, &next, false);
    end(worker);
}

static void a_worker_that_goes_ends_its_cell(void **state)
{
    (void)state;
    int worker = begin(), other = connect_worker();
    lease_msg_t wanted = kept_request();
    held_t held = lease(other, &wanted);
    close(other);
    await_death(held.cell);
    drop_sockets(&held);
    assert_int_equal(idle(worker), 0);
    end(worker);
}

static void a_change_drops_idle_cells_before_its_ack(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    changed(worker, 1, false); // what it has
    assert_int_equal(idle(worker), 1);
    changed(worker, 2, false);
    assert_int_equal(idle(worker), 0);
    await_death(held.cell);
    // One that is at work ends after it.
    wanted.lease.revision = 2;
    held = lease(worker, &wanted);
    changed(worker, 3, false);
    give_back(worker, &held);
    await_death(held.cell);
    wanted.lease.revision = 3;
    held = lease(worker, &wanted);
    give_back(worker, &held);
    changed(worker, 3, true);
    await_death(held.cell);
    end(worker);
}

static void it_serves_so_many_requests_and_no_more(void **state)
{
    (void)state;
    config.idle_max_requests = 3;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t first = lease(worker, &wanted), held = first;
    give_back(worker, &held);
    for (int i = 0; i < 2; i++) {
        held = lease(worker, &wanted);
        assert_ptr_equal(held.cell, first.cell);
        give_back(worker, &held);
    }
    await_death(first.cell);
    end(worker);
}

static void it_waits_so_long_and_no_longer(void **state)
{
    (void)state;
    config.idle_timeout_s = 1;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    usleep(300000);
    assert_int_equal(idle(worker), 1);
    await_death(held.cell);
    assert_int_equal(idle(worker), 0);
    end(worker);
}

static void the_longest_unused_makes_room_before_ready_cells(void **state)
{
    (void)state;
    config.max_cells = 6;
    int worker = begin(), second = connect_worker();
    lease_msg_t wanted = kept_request(), other = kept_request();
    held_t one = lease(worker, &wanted);
    await_ready(worker, 4);
    held_t two = lease(second, &wanted);
    give_back(worker, &one);
    give_back(second, &two);
    // Now there are two idle cells and as many ready ones as fit.
    await_ready(worker, 4);
    str_copy(other.lease.function_id, ID_TEXT, other_function);
    held_t ready = lease(worker, &other);
    assert_int_equal(ready.grant.start, START_PREWARMED);
    held_t made = lease(second, &other);
    assert_int_equal(made.grant.start, START_COLD);
    await_death(one.cell);
    assert_true(fake_alive(two.cell));
    assert_int_equal(idle(worker), 1);
    release(worker, &ready, false);
    release(second, &made, false);
    close(second);
    end(worker);
}

static void a_waiting_request_gets_the_cell_that_comes_back(void **state)
{
    (void)state;
    int worker = begin(), second = connect_worker(), fds[LEASE_FDS];
    lease_msg_t wanted = kept_request(), msg;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    tell(second, &wanted);
    assert_int_equal(hear_within(second, &msg, fds, 50), 0);
    give_back(worker, &held);
    held_t next = take_grant(second);
    assert_ptr_equal(next.cell, held.cell);
    assert_int_equal(next.grant.start, START_WARM);
    await_frozen(next.cell, false);
    release(second, &next, false);
    close(second);
    end(worker);
}

// Whether a request got the cell that was at work as it came, and nothing but that.
static bool waited_for_it(int worker, int second, const lease_msg_t *wanted)
{
    held_t held = lease(worker, wanted);
    tell(second, wanted);
    give_back(worker, &held);
    held_t next = take_grant(second);
    bool same = next.cell == held.cell;
    give_back(second, &next);
    return same;
}

static void short_calls_wait_for_each_other(void **state)
{
    (void)state;
    int worker = begin(), second = connect_worker(), tries = 0;
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held); // from now on it is known to be short
    // A busy machine may take longer than anybody waits.
    while (!waited_for_it(worker, second, &wanted))
        assert_true(++tries < 20);
    close(second);
    end(worker);
}

static void who_waits_in_vain_gets_another_cell(void **state)
{
    (void)state;
    int worker = begin(), second = connect_worker();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    await_ready(worker, 4);
    held = lease(worker, &wanted);
    held_t other = lease(second, &wanted);
    assert_ptr_not_equal(other.cell, held.cell);
    assert_int_equal(other.grant.start, START_PREWARMED);
    drop_sockets(&held);
    drop_sockets(&other);
    close(second);
    end(worker);
}

// Nothing but that cells are being made is heard for a moment.
static void hear_launchings(const int waiting[], int count)
{
    lease_msg_t msg;
    int none[LEASE_FDS];
    for (int i = 0; i < count; i++)
        assert_int_equal(hear_within(waiting[i], &msg, none, 5), 0);
}

static void short_calls_in_vain_make_one_cell_at_a_time(void **state)
{
    enum { WAITING = 4, PATIENCE_MAX_MS = 200 };
    (void)state;
    int worker = begin(), waiting[WAITING];
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted), next[WAITING];
    give_back(worker, &held); // from now on it is known to be short
    await_ready(worker, 4);
    held = lease(worker, &wanted);
    fake_hangs = true;
    for (int i = 0; i < WAITING; i++)
        waiting[i] = connect_worker();
    launchings = 0;
    int64_t asked = clock_mono_ms();
    for (int i = 0; i < WAITING - 1; i++)
        tell(waiting[i], &wanted);
    next[0] = take_grant(waiting[0]); // the ready one
    for (int heard = 0; heard == 0 || clock_mono_ms() < asked + PATIENCE_MAX_MS;) {
        hear_launchings(waiting + 1, 2);
        heard = launchings;
        assert_true(heard <= 1 || clock_mono_ms() >= asked + PATIENCE_MAX_MS);
    }
    // Whoever has waited for that long does not wait for his turn, too.
    tell(waiting[WAITING - 1], &wanted);
    while (launchings < 2) {
        hear_launchings(waiting + 1, WAITING - 1);
        assert_true(clock_mono_ms() < asked + WAIT_MS);
    }
    fake_hangs = false;
    for (int i = 1; i < WAITING; i++)
        next[i] = take_grant(waiting[i]);
    for (int i = 0; i < WAITING; i++) {
        drop_sockets(&next[i]);
        close(waiting[i]);
    }
    drop_sockets(&held);
    end(worker);
}

static void a_peak_is_never_an_earlier_calls(void **state)
{
    (void)state;
    fake_keeps_peak = true;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    fake_peak = 60 << 20;
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, 60 << 20);
    held = lease(worker, &wanted);
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, -1);
    held = lease(worker, &wanted);
    fake_peak = 61 << 20;
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, 61 << 20);
    end(worker);
}

static void what_a_sandbox_has_not_given_back_is_an_earlier_calls(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    wanted.lease.runtime = RUNTIME_GVISOR;
    held_t held = lease(worker, &wanted);
    fake_peak = 60 << 20;
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, 60 << 20);
    fake_peak = 40 << 20;
    held = lease(worker, &wanted);
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, -1);
    // All but a little was given back: what the next call peaks at is its own again.
    fake_peak = 8 << 20;
    held = lease(worker, &wanted);
    fake_peak = 20 << 20;
    assert_int_equal(give_back(worker, &held).memory_peak_bytes, 20 << 20);
    end(worker);
}

static void without_a_freezer_nothing_is_kept(void **state)
{
    (void)state;
    fake_no_freezer = true;
    int worker = begin();
    lease_msg_t wanted = kept_request();
    held_t held = lease(worker, &wanted);
    give_back(worker, &held);
    await_death(held.cell);
    end(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_next_request_has_the_same_cell),
        KEEPER_TEST(the_deadline_holds_in_a_kept_cell),
        KEEPER_TEST(nobody_else_gets_it),
        KEEPER_TEST(isolation_request_and_old_versions_are_never_kept),
        KEEPER_TEST(a_cell_that_said_more_is_not_kept),
        KEEPER_TEST(what_it_says_while_idle_ends_it),
        KEEPER_TEST(a_cell_that_ends_while_idle_is_forgotten),
        KEEPER_TEST(what_it_works_while_idle_ends_it),
        KEEPER_TEST(a_busy_cell_is_not_frozen),
        KEEPER_TEST(sockets_that_a_worker_sends_are_not_the_cells),
        KEEPER_TEST(a_worker_that_goes_ends_its_cell),
        KEEPER_TEST(a_change_drops_idle_cells_before_its_ack),
        KEEPER_TEST(it_serves_so_many_requests_and_no_more),
        KEEPER_TEST(it_waits_so_long_and_no_longer),
        KEEPER_TEST(the_longest_unused_makes_room_before_ready_cells),
        KEEPER_TEST(a_waiting_request_gets_the_cell_that_comes_back),
        KEEPER_TEST(short_calls_wait_for_each_other),
        KEEPER_TEST(who_waits_in_vain_gets_another_cell),
        KEEPER_TEST(short_calls_in_vain_make_one_cell_at_a_time),
        KEEPER_TEST(a_peak_is_never_an_earlier_calls),
        KEEPER_TEST(what_a_sandbox_has_not_given_back_is_an_earlier_calls),
        KEEPER_TEST(without_a_freezer_nothing_is_kept),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
