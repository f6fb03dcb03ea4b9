#include "service/lease_client.h"

#include <fcntl.h>
#include <poll.h>

#include "base/clock.h"
#include "base/str.h"
#include "fake_keeper.h"

static const char function_id[] = "01926f5c-7d3e-7a10-8000-000000000002";

// ---- the client's side

static lease_client_t new_client(void)
{
    lease_client_t c;
    lease_client_init(&c, socket_path);
    return c;
}

#define cleanup_client __attribute__((cleanup(lease_client_close)))

static int64_t in_ms(int ms)
{
    return clock_mono_ns() + (int64_t)ms * 1000000;
}

static lease_outcome_t acquire(lease_client_t *c, bool check_revision, int client_fd, int wait_ms)
{
    lease_request_t request = {.revision = 7,
                               .runtime = RUNTIME_GVISOR,
                               .check_revision = check_revision,
                               .memory_mb = 128,
                               .timeout_ms = 3000};
    str_copy(request.function_id, sizeof request.function_id, function_id);
    lease_outcome_t out;
    lease_client_acquire(c, &request, client_fd, in_ms(wait_ms), &out);
    return out;
}

enum { LONG_MS = 10000, SHORT_MS = 60 };

static void expect_grant(const lease_outcome_t *out)
{
    assert_int_equal(out->result, LEASE_GRANTED);
    assert_string_equal(out->grant.cell, cell_id);
    for (int i = 0; i < LEASE_FDS; i++) {
        char c = 0;
        assert_int_equal(read(out->fds[i], &c, 1), 1);
        assert_int_equal(c, "coe"[i]);
        close(out->fds[i]);
    }
}

static void expect_no_cell(const lease_outcome_t *out, lease_result_t result)
{
    assert_int_equal(out->result, result);
    for (int i = 0; i < LEASE_FDS; i++)
        assert_int_equal(out->fds[i], -1);
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LONG_MS), 1);
}

// ---- asking for a cell

static void grants_and_takes_back(int listener)
{
    int fd = keeper_accept(listener);
    lease_msg_t lease = keeper_expect(fd, MSG_LEASE);
    must(str_eq(lease.lease.function_id, function_id) && lease.lease.revision == 7 &&
             lease.lease.runtime == RUNTIME_GVISOR && lease.lease.memory_mb == 128 &&
             lease.lease.timeout_ms == 3000,
         "the request arrived otherwise");
    keeper_grant(fd);
    lease_msg_t release = keeper_expect(fd, MSG_RELEASE);
    must(str_eq(release.release.cell, cell_id) && release.release.reusable, "release");
    keeper_say(fd,
               (lease_msg_t){.type = MSG_USAGE, .usage = {.cpu_us = 5, .memory_peak_bytes = 6}});
    keeper_expect_gone(fd);
}

static int give_back(lease_client_t *c, bool reusable, lease_usage_t *usage, err_t *err)
{
    lease_release_t release = {.reusable = reusable, .calls = 1};
    str_copy(release.cell, sizeof release.cell, cell_id);
    return lease_client_release(c, &release, usage, err);
}

static void a_cell_is_granted_used_and_given_back(void **state)
{
    (void)state;
    keeper_t k = keeper_start(grants_and_takes_back, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    assert_int_equal(out.grant.start, START_WARM);
    assert_int_equal(out.grant.deadline_ns, 123456789);
    lease_usage_t usage;
    assert_int_equal(give_back(&c, true, &usage, NULL), 0);
    assert_int_equal(usage.cpu_us, 5);
    assert_int_equal(usage.memory_peak_bytes, 6);
    lease_client_close(&c);
    keeper_join(&k);
}

static void launches_and_grants(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_say(fd, (lease_msg_t){.type = MSG_LAUNCHING});
    keeper_grant(fd);
    keeper_expect_gone(fd);
}

static int launchings;

static void count_launching(const void *ctx)
{
    assert_ptr_equal(ctx, &launchings);
    launchings++;
}

static void that_a_cell_is_being_made_is_passed_on(void **state)
{
    (void)state;
    keeper_t k = keeper_start(launches_and_grants, NULL);
    lease_client_t c = new_client();
    c.on_launching = count_launching;
    c.ctx = &launchings;
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    assert_int_equal(launchings, 1);
    lease_client_close(&c);
    keeper_join(&k);
}

static lease_msg_t planned_answer; // what answers_as_planned says

static void answers_as_planned(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_say(fd, planned_answer);
    keeper_expect_gone(fd);
}

static lease_outcome_t answered(lease_msg_t answer)
{
    planned_answer = answer;
    keeper_t k = keeper_start(answers_as_planned, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    lease_client_close(&c);
    keeper_join(&k);
    return out;
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    lease_outcome_t out = answered((lease_msg_t){.type = MSG_BUSY, .busy.status = 429});
    expect_no_cell(&out, LEASE_REFUSED);
    assert_int_equal(out.status, 429);
    out = answered((lease_msg_t){.type = MSG_BUSY, .busy.status = 503});
    expect_no_cell(&out, LEASE_REFUSED);
    assert_int_equal(out.status, 503);
    out = answered((lease_msg_t){.type = MSG_FAILED, .failed = {WHY_RUNTIME, "no gVisor here"}});
    expect_no_cell(&out, LEASE_FAILED);
    assert_int_equal(out.why, WHY_RUNTIME);
    assert_string_equal(out.text, "no gVisor here");
    out = answered((lease_msg_t){.type = MSG_STALE, .stale.edition = 77});
    expect_no_cell(&out, LEASE_STALE);
    assert_int_equal(out.edition, 77);
    out = answered((lease_msg_t){.type = MSG_GONE});
    expect_no_cell(&out, LEASE_GONE);
}

static void speaks_out_of_turn_then_grants(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_say(fd, (lease_msg_t){.type = MSG_ACK});
    keeper_say(fd, (lease_msg_t){.type = MSG_USAGE});
    keeper_say(fd, (lease_msg_t){.type = MSG_LEASE});
    keeper_say(fd, (lease_msg_t){.type = 200});
    keeper_grant(fd);
    keeper_expect_gone(fd);
}

static void what_is_no_answer_is_passed_over(void **state)
{
    (void)state;
    keeper_t k = keeper_start(speaks_out_of_turn_then_grants, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_client_close(&c);
    keeper_join(&k);
}

static void talks_nonsense_then_grants(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    must(send(fd, "nonsense", 8, 0) == 8, "send");
    keeper_expect_gone(fd);
    fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_expect_gone(fd);
}

static void a_malformed_answer_makes_a_new_connection(void **state)
{
    (void)state;
    keeper_t k = keeper_start(talks_nonsense_then_grants, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_client_close(&c);
    keeper_join(&k);
}

static void takes_a_request_and_is_silent(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_expect_gone(fd);
}

static void a_silent_keeper_is_given_up(void **state)
{
    (void)state;
    keeper_t k = keeper_start(takes_a_request_and_is_silent, NULL);
    lease_client_t c = new_client();
    int64_t from = clock_mono_ms();
    lease_outcome_t out = acquire(&c, true, -1, SHORT_MS);
    expect_no_cell(&out, LEASE_REFUSED);
    assert_int_equal(out.status, 503);
    assert_true(clock_mono_ms() - from >= SHORT_MS);
    assert_int_equal(c.fd, -1); // the request is withdrawn
    keeper_join(&k);
}

// The test's client: a socket pair, of which the keeper's process holds the far end.
static int client_pair[2];

static void lets_the_client_hang_up_while_it_waits(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    close(client_pair[1]);
    keeper_expect_gone(fd);
}

static void a_client_that_hangs_up_cancels_its_request(void **state)
{
    (void)state;
    test_socketpair(client_pair);
    keeper_t k = keeper_start(lets_the_client_hang_up_while_it_waits, NULL);
    close(client_pair[1]);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, client_pair[0], LONG_MS);
    expect_no_cell(&out, LEASE_CANCELLED);
    assert_int_equal(c.fd, -1);
    close(client_pair[0]);
    keeper_join(&k);
}

static void without_a_keeper_the_wait_is_bounded(void **state)
{
    (void)state;
    cleanup_client lease_client_t c = new_client();
    int64_t from = clock_mono_ms();
    lease_outcome_t out = acquire(&c, true, -1, SHORT_MS);
    expect_no_cell(&out, LEASE_REFUSED);
    assert_int_equal(out.status, 503);
    assert_in_range(clock_mono_ms() - from, SHORT_MS, LONG_MS);
}

static void without_a_keeper_a_hang_up_still_cancels(void **state)
{
    (void)state;
    int pair[2];
    test_socketpair(pair);
    close(pair[1]);
    cleanup_client lease_client_t c = new_client();
    int64_t from = clock_mono_ms();
    lease_outcome_t out = acquire(&c, true, pair[0], LONG_MS);
    expect_no_cell(&out, LEASE_CANCELLED);
    assert_true(clock_mono_ms() - from < LONG_MS / 2);
    close(pair[0]);
}

// ---- restarts

static void dies_with_a_request_in_its_hands(int listener)
{
    keeper_expect(keeper_accept(listener), MSG_LEASE);
}

static void grants_one(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_expect_gone(fd);
}

static void a_wait_goes_on_with_the_next_keeper(void **state)
{
    (void)state;
    keeper_t first = keeper_start(dies_with_a_request_in_its_hands, NULL);
    keeper_t second = keeper_start(grants_one, &first);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, false, -1, LONG_MS);
    expect_grant(&out);
    lease_client_close(&c);
    keeper_join(&first);
    keeper_join(&second);
}

// The new keeper knows no revisions: the caller must look at its row again, once.
static void after_a_restart_the_row_is_stale_once(void **state)
{
    (void)state;
    keeper_t first = keeper_start(dies_with_a_request_in_its_hands, NULL);
    keeper_t second = keeper_start(grants_one, &first);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_no_cell(&out, LEASE_STALE);
    out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_client_close(&c);
    keeper_join(&first);
    keeper_join(&second);
}

static void grants_and_dies(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
}

static void takes_over_a_held_cell(int listener)
{
    int fd = keeper_accept(listener);
    lease_msg_t hold = keeper_expect(fd, MSG_HOLD);
    must(str_eq(hold.hold.cell, cell_id) && str_eq(hold.hold.function_id, function_id) &&
             hold.hold.deadline_ns == 42,
         "hold");
    keeper_say(fd, (lease_msg_t){.type = MSG_ACK});
    keeper_expect(fd, MSG_RELEASE);
    keeper_say(fd, (lease_msg_t){.type = MSG_USAGE, .usage.cpu_us = 9});
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_expect_gone(fd);
}

static void a_held_cell_is_told_to_the_next_keeper(void **state)
{
    (void)state;
    keeper_t first = keeper_start(grants_and_dies, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    keeper_join(&first);
    lease_msg_t msg;
    assert_int_equal(lease_client_take(&c, &msg, NULL), -1);
    assert_int_equal(lease_client_take(&c, &msg, NULL), -1);       // and stays lost
    assert_false(lease_client_hold(&c, cell_id, function_id, 42)); // nobody there yet
    keeper_t second = keeper_start(takes_over_a_held_cell, NULL);
    assert_true(lease_client_hold(&c, cell_id, function_id, 42));
    lease_usage_t usage;
    assert_int_equal(give_back(&c, false, &usage, NULL), 0);
    assert_int_equal(usage.cpu_us, 9);
    out = acquire(&c, true, -1, LONG_MS);
    expect_no_cell(&out, LEASE_STALE);
    out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_client_close(&c);
    keeper_join(&second);
}

// ---- while a cell is held, and giving it back

static void grants_and_kills(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_say(fd, (lease_msg_t){.type = MSG_KILLED, .killed.why = WHY_TIMEOUT});
    keeper_expect(fd, MSG_RELEASE);
    keeper_say(fd, (lease_msg_t){.type = MSG_KILLED, .killed.why = WHY_OOM});
    keeper_say(fd, (lease_msg_t){.type = MSG_USAGE, .usage.killed = WHY_TIMEOUT});
    keeper_expect_gone(fd);
}

// Asks for code twice: the first time it looks at the answer, the second crosses the RELEASE.
static void asks_for_code(int listener)
{
    static const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fd = keeper_accept(listener), fds[LEASE_FDS];
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_say(fd, (lease_msg_t){.type = MSG_NEED_CODE});
    struct pollfd p = {.fd = fd, .events = POLLIN};
    lease_msg_t msg;
    must(poll(&p, 1, SCRIPT_S * 1000) == 1 && lease_recv(fd, &msg, fds, NULL) == 1, "code");
    must(msg.type == MSG_CODE && fds[0] >= 0 && fds[1] < 0, "one descriptor");
    char text[16] = "";
    must(pread(fds[0], text, sizeof text, 0) == 4 && str_eq(text, "init"), "the frame");
    must(fcntl(fds[0], F_GET_SEALS) == wanted, "sealed");
    must(pwrite(fds[0], "x", 1, 0) < 0 && ftruncate(fds[0], 0) < 0, "for ever");
    keeper_say(fd, (lease_msg_t){.type = MSG_NEED_CODE});
    keeper_expect(fd, MSG_RELEASE);
    keeper_say(fd, (lease_msg_t){.type = MSG_USAGE, .usage.cpu_us = 9});
    keeper_expect_gone(fd);
}

static void code_is_handed_over_sealed(void **state)
{
    (void)state;
    keeper_t k = keeper_start(asks_for_code, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_msg_t msg;
    wait_readable(c.fd);
    assert_int_equal(lease_client_take(&c, &msg, NULL), 1);
    assert_int_equal(msg.type, MSG_NEED_CODE);
    assert_true(lease_client_give_code(&c, "init", 4));
    lease_usage_t usage;
    assert_int_equal(give_back(&c, false, &usage, NULL), 0);
    assert_int_equal(usage.cpu_us, 9);
    lease_client_close(&c);
    assert_false(lease_client_give_code(&c, "init", 4));
    keeper_join(&k);
}

static void messages_about_a_held_cell_are_taken_without_waiting(void **state)
{
    (void)state;
    keeper_t k = keeper_start(grants_and_kills, NULL);
    lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_msg_t msg;
    wait_readable(c.fd);
    assert_int_equal(lease_client_take(&c, &msg, NULL), 1);
    assert_int_equal(msg.type, MSG_KILLED);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    assert_int_equal(lease_client_take(&c, &msg, NULL), 0);
    lease_usage_t usage; // another KILLED crosses the RELEASE
    assert_int_equal(give_back(&c, false, &usage, NULL), 0);
    assert_int_equal(usage.killed, WHY_TIMEOUT);
    lease_client_close(&c);
    keeper_join(&k);
}

static void dies_when_it_gets_a_cell_back(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_LEASE);
    keeper_grant(fd);
    keeper_expect(fd, MSG_RELEASE);
}

static void giving_back_to_a_lost_keeper_fails_at_once(void **state)
{
    (void)state;
    keeper_t k = keeper_start(dies_when_it_gets_a_cell_back, NULL);
    cleanup_client lease_client_t c = new_client();
    lease_outcome_t out = acquire(&c, true, -1, LONG_MS);
    expect_grant(&out);
    lease_usage_t usage;
    err_t err;
    assert_fails(give_back(&c, false, &usage, &err), err, ERR_CLOSED);
    assert_fails(give_back(&c, false, &usage, &err), err, ERR_CLOSED);
    keeper_join(&k);
}

static void answers_too_late(int listener)
{
    int fd = keeper_accept(listener);
    keeper_expect(fd, MSG_RELEASE);
    keeper_expect_gone(fd); // the client's patience is at an end
    fd = keeper_accept(listener);
    keeper_expect(fd, MSG_STATUS);
    keeper_say(fd, (lease_msg_t){.type = MSG_USAGE}); // not the answer to this
    keeper_say(fd, (lease_msg_t){.type = MSG_COUNTS, .counts.cells = 3});
    keeper_expect_gone(fd);
}

static void a_late_answer_is_not_taken_for_the_next(void **state)
{
    (void)state;
    keeper_t k = keeper_start(answers_too_late, NULL);
    lease_client_t c = new_client();
    assert_int_equal(lease_connect(socket_path, &c.fd, NULL), 0);
    lease_usage_t usage;
    err_t err;
    int64_t from = clock_mono_ms();
    assert_fails(give_back(&c, false, &usage, &err), err, ERR_TIMEOUT);
    assert_in_range(clock_mono_ms() - from, 1000, LONG_MS);
    assert_int_equal(c.fd, -1);
    lease_counts_t counts;
    assert_int_equal(lease_client_counts(&c, &counts, &err), 0);
    assert_int_equal(counts.cells, 3);
    lease_client_close(&c);
    keeper_join(&k);
}

// ---- changes and counts

static void acknowledges_a_change(int listener)
{
    int fd = keeper_accept(listener);
    lease_msg_t msg = keeper_expect(fd, MSG_CHANGED);
    must(str_eq(msg.changed.function_id, function_id) && msg.changed.revision == 8 &&
             msg.changed.deleted,
         "changed");
    keeper_say(fd, (lease_msg_t){.type = MSG_ACK});
}

static void a_change_is_told_on_a_new_connection_if_the_old_one_died(void **state)
{
    (void)state;
    lease_client_t c = new_client();
    err_t err;
    for (int i = 0; i < 2; i++) { // the second time, the connection is one to the first keeper
        keeper_t k = keeper_start(acknowledges_a_change, NULL);
        assert_int_equal(lease_client_changed(&c, function_id, 8, true, &err), 0);
        keeper_join(&k);
    }
    assert_fails(lease_client_changed(&c, function_id, 8, true, &err), err, ERR_UNAVAILABLE);
    lease_counts_t counts;
    assert_fails(lease_client_counts(&c, &counts, &err), err, ERR_UNAVAILABLE);
    lease_client_close(&c);
}

static void a_hang_up_is_seen_through_unread_bytes(void **state)
{
    (void)state;
    int pair[2];
    test_socketpair(pair);
    assert_false(socket_hung_up(pair[0]));
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_false(socket_hung_up(pair[0]));
    close(pair[1]);
    assert_true(socket_hung_up(pair[0]));
    close(pair[0]);
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/keeper.sock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(socket_path);
    return rmdir(directory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_granted_used_and_given_back),
        cmocka_unit_test(that_a_cell_is_being_made_is_passed_on),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(what_is_no_answer_is_passed_over),
        cmocka_unit_test(a_malformed_answer_makes_a_new_connection),
        cmocka_unit_test(a_silent_keeper_is_given_up),
        cmocka_unit_test(a_client_that_hangs_up_cancels_its_request),
        cmocka_unit_test(without_a_keeper_the_wait_is_bounded),
        cmocka_unit_test(without_a_keeper_a_hang_up_still_cancels),
        cmocka_unit_test(a_wait_goes_on_with_the_next_keeper),
        cmocka_unit_test(after_a_restart_the_row_is_stale_once),
        cmocka_unit_test(a_held_cell_is_told_to_the_next_keeper),
        cmocka_unit_test(messages_about_a_held_cell_are_taken_without_waiting),
        cmocka_unit_test(code_is_handed_over_sealed),
        cmocka_unit_test(giving_back_to_a_lost_keeper_fails_at_once),
        cmocka_unit_test(a_late_answer_is_not_taken_for_the_next),
        cmocka_unit_test(a_change_is_told_on_a_new_connection_if_the_old_one_died),
        cmocka_unit_test(a_hang_up_is_seen_through_unread_bytes),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
