// The keeper as workers see it.
#include "keeper_support.h"

static const char other_function[] = "01926f5c-7d3e-7a10-8000-000000000002";

static void a_lease_carries_three_live_sockets(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request();
    int64_t before = clock_mono_ns();
    held_t held = lease(worker, &wanted);
    assert_int_equal(held.grant.start, START_PREWARMED);
    assert_false(held.grant.prepared);
    assert_int_equal(launchings, 0);
    assert_true(held.grant.deadline_ns >= before + 3000 * 1000000LL);
    assert_int_equal(held.cell->memory, 128 << 20);
    assert_int_equal(held.cell->cpu_millis, 500);
    assert_int_equal(write(held.fds[0], "e", 1), 1);
    for (int i = 0; i < LEASE_FDS; i++) {
        char said;
        struct pollfd p = {.fd = held.fds[i], .events = POLLIN};
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        assert_int_equal(read(held.fds[i], &said, 1), 1);
        assert_int_equal(said, "cse"[i]);
        assert_int_equal(read(held.fds[i], &said, 1), -1);
        assert_int_equal(errno, EAGAIN);
    }
    lease_usage_t usage = release(worker, &held, false);
    assert_true(usage.cpu_us > 0 && usage.cpu_us % FAKE_CPU_US == 0);
    assert_int_equal(usage.memory_peak_bytes, FAKE_PEAK);
    assert_int_equal(usage.killed, WHY_NONE);
    assert_false(usage.oom);
    await_death(held.cell);
    await_ready(worker, 4);
    end(worker);
}

static void the_floor_is_never_lowered(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request();
    wanted.lease.memory_mb = 1;
    held_t held = lease(worker, &wanted);
    assert_true(held.cell->memory > 1 << 20);
    release(worker, &held, false);
    end(worker);
}

static void at_the_deadline_the_cell_dies_and_the_worker_is_told(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request(), msg;
    wanted.lease.timeout_ms = 60;
    held_t held = lease(worker, &wanted);
    expect(worker, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    assert_true(clock_mono_ns() >= held.grant.deadline_ns);
    await_death(held.cell);
    // The lease is kept until it is asked what it cost.
    lease_usage_t usage = release(worker, &held, true);
    assert_int_equal(usage.killed, WHY_TIMEOUT);
    assert_int_equal(usage.memory_peak_bytes, FAKE_PEAK);
    end(worker);
}

static void lack_of_memory_ends_the_cell(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request(), msg;
    const uint64_t one = 1;
    held_t held = lease(worker, &wanted);
    assert_int_equal(write(held.cell->oom, &one, sizeof one), sizeof one);
    expect(worker, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_OOM);
    await_death(held.cell);
    lease_usage_t usage = release(worker, &held, false);
    assert_true(usage.oom);
    assert_int_equal(usage.killed, WHY_OOM);
    end(worker);
}

// How a cell ended that closes its sockets as it is told `how`.
static int32_t exit_of(int worker, char how)
{
    lease_msg_t wanted = request();
    char eof;
    held_t held = lease(worker, &wanted);
    assert_int_equal(write(held.fds[0], &how, 1), 1);
    struct pollfd p = {.fd = held.fds[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_int_equal(read(held.fds[0], &eof, 1), 0);
    lease_usage_t usage = release(worker, &held, true);
    assert_int_equal(usage.killed, WHY_NONE);
    assert_false(usage.oom);
    await_death(held.cell);
    return usage.exit_status;
}

static void a_cell_that_ends_by_itself_is_no_kill(void **state)
{
    (void)state;
    int worker = begin();
    int32_t status = exit_of(worker, 'x');
    // Not every kernel tells. One that does is waited for.
    assert_true(status == -1 || status == 3 << 8);
    assert_int_equal(exit_of(worker, 'l'), status < 0 ? -1 : SIGTERM);
    end(worker);
}

static void a_dead_ready_cell_is_replaced(void **state)
{
    (void)state;
    int worker = begin();
    int before = fake_count;
    kill(fake_cells[0].pid, SIGKILL);
    for (int ms = 0; fake_count == before && ms < WAIT_MS; ms++)
        usleep(1000);
    assert_int_equal(fake_count, before + 1);
    await_ready(worker, 4);
    end(worker);
}

static void a_granted_cell_is_replaced_a_moment_later(void **state)
{
    (void)state;
    int worker = begin();
    int before = fake_count;
    lease_msg_t wanted = request();
    int64_t asked = clock_mono_ns();
    held_t held = lease(worker, &wanted);
    for (int ms = 0; fake_count == before && ms < WAIT_MS; ms++)
        usleep(1000);
    assert_int_equal(fake_count, before + 1);
    assert_true(clock_mono_ns() - asked >= POOL_PUT_OFF_MS * 1000000LL);
    // The call still runs.
    await_ready(worker, 4);
    release(worker, &held, false);
    end(worker);
}

static void a_worker_that_goes_takes_its_cell_along(void **state)
{
    (void)state;
    int worker = begin(), doomed = connect_worker();
    lease_msg_t wanted = request();
    held_t held = lease(doomed, &wanted);
    close(doomed);
    await_death(held.cell);
    drop_sockets(&held);
    end(worker);
}

static void old_revisions_are_refused(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request(), msg = {.type = MSG_CHANGED, .changed.revision = 2};
    str_copy(msg.changed.function_id, ID_TEXT, function_id);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
    tell(worker, &wanted);
    expect(worker, MSG_STALE, &msg, NULL);
    wanted.lease.revision = 2;
    held_t held = lease(worker, &wanted);
    release(worker, &held, false);
    wanted.lease.revision = 1;
    wanted.lease.check_revision = 0;
    held = lease(worker, &wanted);
    release(worker, &held, false);
    end(worker);
}

static void what_was_found_before_the_last_write_is_looked_up_again(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request(), msg;
    wanted.lease.edition = EDITION_UNKNOWN;
    tell(worker, &wanted);
    expect(worker, MSG_STALE, &msg, NULL);
    int64_t edition = msg.stale.edition;
    assert_true(edition > EDITION_UNKNOWN);
    wanted.lease.edition = edition;
    held_t held = lease(worker, &wanted);
    release(worker, &held, false);
    msg = (lease_msg_t){.type = MSG_CHANGED, .changed.revision = 1};
    id_new(msg.changed.function_id); // somebody else's
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
    tell(worker, &wanted);
    expect(worker, MSG_STALE, &msg, NULL);
    assert_true(msg.stale.edition > edition);
    wanted.lease.edition = EDITION_ANY;
    held = lease(worker, &wanted);
    release(worker, &held, false);
    end(worker);
}

static void those_who_wait_hear_of_a_deletion(void **state)
{
    (void)state;
    int worker = begin(), waiting = connect_worker();
    lease_msg_t wanted = request(), msg = {.type = MSG_CHANGED, .changed = {.deleted = 1}};
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    tell(waiting, &wanted);
    assert_int_equal(hear_within(waiting, &msg, held.fds, 50), 0);
    msg = (lease_msg_t){.type = MSG_CHANGED, .changed = {.deleted = 1}};
    str_copy(msg.changed.function_id, ID_TEXT, function_id);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
    expect(waiting, MSG_GONE, &msg, NULL);
    release(worker, &held, false);
    close(waiting);
    end(worker);
}

static void max_concurrency_queues_and_then_refuses(void **state)
{
    (void)state;
    config.queue_timeout_ms = 200;
    int worker = begin(), second = connect_worker();
    lease_msg_t wanted = request(), msg;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    tell(second, &wanted);
    expect(second, MSG_BUSY, &msg, NULL);
    assert_int_equal(msg.busy.status, 429);
    assert_true(msg.busy.retry_after_s > 0);
    tell(second, &wanted);
    release(worker, &held, false);
    held = take_grant(second);
    release(second, &held, false);
    close(second);
    end(worker);
}

static void a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    config.queue_length = 1;
    int worker = begin(), waiting = connect_worker(), third = connect_worker();
    lease_msg_t wanted = request(), msg;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    tell(waiting, &wanted);
    usleep(20000);
    tell(third, &wanted);
    assert_int_equal(hear_within(third, &msg, held.fds, SOON_MS), MSG_BUSY);
    assert_int_equal(msg.busy.status, 429);
    // A function that is not at its limit is not kept out.
    str_copy(wanted.lease.function_id, ID_TEXT, other_function);
    held_t other = lease(third, &wanted);
    release(third, &other, false);
    close(third);
    close(waiting);
    end(worker);
}

// Cells are given back one every 25 ms or later: 49 that wait take longer than the second that a request may wait, and
// whoever comes now is told so at once.
static void a_request_that_would_wait_for_nothing_is_refused_at_once(void **state)
{
    (void)state;
    enum { WAITING = 60, SERVED = 11, STEP_US = 25000, TIMEOUT_MS = 1000 };
    config.queue_timeout_ms = TIMEOUT_MS;
    config.queue_length = 100;
    int worker = begin(), waiting[WAITING], late = connect_worker();
    lease_msg_t wanted = request(), msg;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    for (int i = 0; i < WAITING; i++) {
        waiting[i] = connect_worker();
        tell(waiting[i], &wanted);
        for (int tries = 0; counts(worker).queued <= (uint32_t)i; tries++) {
            assert_in_range(tries, 0, TIMEOUT_MS);
            usleep(1000);
        }
    }
    for (int i = 0; i < SERVED; i++) {
        usleep(STEP_US);
        release(i ? waiting[i - 1] : worker, &held, false);
        held = take_grant(waiting[i]);
    }
    tell(late, &wanted);
    int64_t asked = clock_mono_ms();
    expect(late, MSG_BUSY, &msg, NULL);
    assert_in_range(clock_mono_ms() - asked, 0, TIMEOUT_MS / 2);
    assert_int_equal(msg.busy.status, 429);
    release(waiting[SERVED - 1], &held, false);
    for (int i = 0; i < WAITING; i++)
        close(waiting[i]);
    close(late);
    end(worker);
}

static void a_request_that_waits_may_be_withdrawn(void **state)
{
    (void)state;
    int worker = begin(), waiting = connect_worker();
    lease_msg_t wanted = request(), msg;
    wanted.lease.max_concurrency = 1;
    held_t held = lease(worker, &wanted);
    tell(waiting, &wanted);
    tell(waiting, &(lease_msg_t){.type = MSG_CANCEL});
    expect(waiting, MSG_USAGE, &msg, NULL);
    assert_int_equal(counts(worker).queued, 0);
    // One that crosses its answer is dropped.
    str_copy(wanted.lease.function_id, ID_TEXT, other_function);
    held_t other = lease(waiting, &wanted);
    tell(waiting, &(lease_msg_t){.type = MSG_CANCEL});
    assert_int_equal(release(waiting, &other, false).killed, WHY_NONE);
    release(worker, &held, false);
    close(waiting);
    end(worker);
}

static void room_is_made_for_a_request_without_a_cell(void **state)
{
    (void)state;
    config.max_cells = 4;
    int worker = begin(), second = connect_worker();
    lease_msg_t wanted = request();
    held_t one = lease(worker, &wanted);
    held_t two = lease(second, &wanted);
    assert_int_equal(two.grant.start, START_COLD);
    assert_true(counts(worker).cells <= 4);
    release(worker, &one, false);
    release(second, &two, false);
    close(second);
    end(worker);
}

static void when_all_cells_are_in_use_requests_wait(void **state)
{
    (void)state;
    enum { CELLS = 4 };
    config.max_cells = CELLS;
    config.queue_timeout_ms = 200;
    int worker = begin(), workers[CELLS];
    lease_msg_t wanted = request(), msg;
    held_t held[CELLS];
    for (int i = 0; i < CELLS; i++) {
        workers[i] = connect_worker();
        held[i] = lease(workers[i], &wanted);
    }
    tell(worker, &wanted);
    expect(worker, MSG_BUSY, &msg, NULL);
    assert_int_equal(msg.busy.status, 503);
    for (int i = 0; i < CELLS; i++) {
        release(workers[i], &held[i], false);
        close(workers[i]);
    }
    await_ready(worker, 4);
    end(worker);
}

static void an_unusual_disk_gets_a_cell_made_for_it(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request();
    wanted.lease.disk_mb = 64;
    held_t held = lease(worker, &wanted);
    assert_int_equal(held.grant.start, START_COLD);
    assert_int_equal(held.cell->disk_mb, 64);
    assert_int_equal(launchings, 1); // told once, however often demand was counted
    release(worker, &held, false);
    await_ready(worker, 4);
    end(worker);
}

static void a_missing_runtime_is_told_at_once(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fake_no_gvisor = true;
    start_keeper();
    int worker = connect_worker();
    await_ready(worker, 2);
    lease_msg_t wanted = request(), msg;
    wanted.lease.runtime = RUNTIME_GVISOR;
    tell(worker, &wanted);
    expect(worker, MSG_FAILED, &msg, NULL);
    assert_int_equal(msg.failed.why, WHY_RUNTIME);
    assert_false(counts(worker).pools[LANG_PYTHON][RUNTIME_GVISOR].available);
    end(worker);
}

static void with_the_engine_away_ready_cells_serve_and_deadlines_hold(void **state)
{
    (void)state;
    config.queue_timeout_ms = 200;
    int worker = begin();
    lease_msg_t wanted = request(), msg;
    fake_hangs = true;
    wanted.lease.timeout_ms = 50;
    int64_t before = clock_mono_ns();
    held_t held = lease(worker, &wanted);
    assert_true(clock_mono_ns() - before < SOON_MS * 1000000LL);
    expect(worker, MSG_KILLED, &msg, NULL);
    for (int ms = 0; fake_alive(held.cell) && ms < WAIT_MS; ms++)
        usleep(1000);
    assert_false(fake_alive(held.cell));
    release(worker, &held, false);
    tell(worker, &wanted);
    expect(worker, MSG_BUSY, &msg, NULL);
    fake_hangs = false;
    await_ready(worker, 4);
    await_death(held.cell);
    end(worker);
}

static void an_engine_that_refuses_is_tried_again(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t wanted = request();
    fake_refuses = true;
    held_t held = lease(worker, &wanted);
    release(worker, &held, false);
    usleep(150000);
    fake_refuses = false;
    await_ready(worker, 4);
    end(worker);
}

static void cells_that_say_nothing_are_given_up(void **state)
{
    (void)state;
    config.launch_timeout_ms = 500;
    int worker = begin();
    lease_msg_t wanted = request();
    fake_mute = true;
    int made = fake_count;
    held_t held = lease(worker, &wanted);
    release(worker, &held, false);
    // The one in place of the leased cell, and the one in place of that.
    for (int i = 0; fake_count < made + 2 && i < 1000; i++)
        usleep(10000);
    assert_true(fake_count >= made + 2);
    fake_mute = false;
    await_ready(worker, 4);
    end(worker);
}

// Whether the keeper closes the connection after this message.
static bool refused(const lease_msg_t *msg)
{
    int worker = connect_worker(), fds[LEASE_FDS];
    lease_msg_t answer;
    tell(worker, msg);
    int got = hear_within(worker, &answer, fds, WAIT_MS);
    close(worker);
    return got == -1;
}

static void malformed_requests_end_the_connection(void **state)
{
    (void)state;
    int worker = begin();
    lease_msg_t bad[12];
    for (size_t i = 0; i < COUNT(bad); i++)
        bad[i] = request();
    bad[0].lease.function_id[3] = 'X';
    bad[1].lease.request_id[0] = '\0';
    bad[2].lease.language = LANG_COUNT;
    bad[3].lease.runtime = RUNTIME_COUNT;
    bad[4].lease.memory_mb = 4096;
    bad[5].lease.cpu_millis = 0;
    bad[6].lease.disk_mb = 100000;
    bad[7].lease.timeout_ms = 0;
    bad[8].lease.max_concurrency = 0;
    bad[9].lease.check_revision = 7;
    bad[10].type = MSG_GRANT;
    bad[11].type = 99;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (!refused(&bad[i]))
            fail_msg("message %zu was taken", i);
    // Nobody else is disturbed.
    lease_msg_t wanted = request();
    held_t held = lease(worker, &wanted);
    release(worker, &held, false);
    end(worker);
}

static void a_second_request_beside_a_lease_ends_both(void **state)
{
    (void)state;
    int worker = begin(), greedy = connect_worker(), fds[LEASE_FDS];
    lease_msg_t wanted = request(), msg;
    held_t held = lease(greedy, &wanted);
    tell(greedy, &wanted);
    assert_int_equal(hear_within(greedy, &msg, fds, WAIT_MS), -1);
    await_death(held.cell);
    drop_sockets(&held);
    close(greedy);
    end(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_lease_carries_three_live_sockets),
        KEEPER_TEST(the_floor_is_never_lowered),
        KEEPER_TEST(at_the_deadline_the_cell_dies_and_the_worker_is_told),
        KEEPER_TEST(lack_of_memory_ends_the_cell),
        KEEPER_TEST(a_cell_that_ends_by_itself_is_no_kill),
        KEEPER_TEST(a_dead_ready_cell_is_replaced),
        KEEPER_TEST(a_granted_cell_is_replaced_a_moment_later),
        KEEPER_TEST(a_worker_that_goes_takes_its_cell_along),
        KEEPER_TEST(old_revisions_are_refused),
        KEEPER_TEST(what_was_found_before_the_last_write_is_looked_up_again),
        KEEPER_TEST(those_who_wait_hear_of_a_deletion),
        KEEPER_TEST(max_concurrency_queues_and_then_refuses),
        KEEPER_TEST(a_full_queue_refuses_at_once),
        KEEPER_TEST(a_request_that_would_wait_for_nothing_is_refused_at_once),
        KEEPER_TEST(a_request_that_waits_may_be_withdrawn),
        KEEPER_TEST(room_is_made_for_a_request_without_a_cell),
        KEEPER_TEST(when_all_cells_are_in_use_requests_wait),
        KEEPER_TEST(an_unusual_disk_gets_a_cell_made_for_it),
        KEEPER_TEST(a_missing_runtime_is_told_at_once),
        KEEPER_TEST(with_the_engine_away_ready_cells_serve_and_deadlines_hold),
        KEEPER_TEST(an_engine_that_refuses_is_tried_again),
        KEEPER_TEST(cells_that_say_nothing_are_given_up),
        KEEPER_TEST(malformed_requests_end_the_connection),
        KEEPER_TEST(a_second_request_beside_a_lease_ends_both),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
