// What a change of a function waits for: terms in which calls begin without asking.
#include "keeper_term_support.h"

// Tells of a change, and asks for something that is answered at once.
static void tell_changed(int worker)
{
    lease_msg_t msg = {.type = MSG_CHANGED, .changed = {.revision = 1}};
    str_copy(msg.changed.function_id, ID_TEXT, function_id);
    tell(worker, &msg);
    tell(worker, &(lease_msg_t){.type = MSG_STATUS});
}

static void expect_ack_at_once(int worker)
{
    lease_msg_t msg;
    tell_changed(worker);
    expect(worker, MSG_ACK, &msg, NULL);
    expect(worker, MSG_COUNTS, &msg, NULL);
}

// False when the keeper came to it too late, and the term was over.
static bool is_left_waiting(int worker, const lease_term_t *term)
{
    lease_msg_t msg;
    int none[LEASE_FDS];
    tell_changed(worker);
    int type = hear_within(worker, &msg, none, WAIT_MS);
    if (type == MSG_COUNTS)
        return true;
    assert_int_equal(type, MSG_ACK);
    assert_true(clock_mono_ns() >= term->until_ns);
    expect(worker, MSG_COUNTS, &msg, NULL);
    return false;
}

// A change in a term. Its ACK is not there yet.
static void change_in_term(pair_t *p, int worker)
{
    for (int i = 0; i < TRIES; i++) {
        share(p);
        if (is_left_waiting(worker, &p->term))
            return;
        part_pair(p);
    }
    fail_msg("no change was in time for a term");
}

static void terms_of_the_keeper_before_may_still_run(void **state)
{
    (void)state;
    int64_t began_ns = clock_mono_ns();
    int worker = begin();
    lease_msg_t msg;
    tell_changed(worker);
    while (hear_within(worker, &msg, (int[LEASE_FDS]){0}, WAIT_MS) != MSG_ACK)
        continue;
    assert_true(clock_mono_ns() - began_ns >= TERM_MS * 1000000LL);
    end(worker);
}

static void a_change_is_acknowledged_when_the_term_is_over(void **state)
{
    (void)state;
    pair_t p = begin_pair();
    int worker = connect_worker();
    lease_msg_t msg;
    for (int i = 0; i < 4; i++) {
        bool back = i % 2; // a cell that comes back does not end the wait
        change_in_term(&p, worker);
        if (back)
            part_pair(&p);
        expect(worker, MSG_ACK, &msg, NULL);
        assert_true(clock_mono_ns() >= p.term.until_ns);
        expect_ack_at_once(worker); // a lease goes on, its term does not
        if (!back)
            part_pair(&p);
    }
    close(worker);
    end_pair(&p);
}

// As many as leave come: some of them may have the places of those.
static void who_leaves_before_the_ack_does_no_harm(void **state)
{
    (void)state;
    enum { MANY = 12 };
    pair_t p = begin_pair();
    int workers[MANY];
    lease_msg_t msg;
    for (int i = 0; i < MANY; i++)
        workers[i] = connect_worker();
    change_in_term(&p, workers[0]);
    for (int i = 1; i < MANY; i++)
        is_left_waiting(workers[i], &p.term);
    for (int i = 0; i < MANY; i++)
        close(workers[i]);
    for (int i = 0; i < MANY; i++)
        workers[i] = connect_worker();
    for (int i = 0; i < MANY; i++) {
        if (is_left_waiting(workers[i], &p.term))
            expect(workers[i], MSG_ACK, &msg, NULL);
        assert_true(clock_mono_ns() >= p.term.until_ns);
        expect_ack_at_once(workers[i]);
        close(workers[i]);
    }
    end_shared(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(terms_of_the_keeper_before_may_still_run),
        KEEPER_TEST(a_change_is_acknowledged_when_the_term_is_over),
        KEEPER_TEST(who_leaves_before_the_ack_does_no_harm),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
