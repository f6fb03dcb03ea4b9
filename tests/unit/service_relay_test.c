// Cells that go from call to call: who waits, who is handed one, and who goes to the keeper.
#include "service/relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "support.h"

enum { PLACES = 2, LONG_MS = 60000, SHORT_MS = 20, FLOCK = 8, ROUNDS = 300 };

static const char function_id[] = "01926f5c-7d3e-7a10-8000-000000000002";
static const char other_id[] = "01926f5c-7d3e-7a10-8000-000000000003";

static lease_request_t wanted(void)
{
    lease_request_t want = {.revision = 7, .isolation = ISOLATION_FUNCTION, .check_revision = 1};
    str_copy(want.function_id, sizeof want.function_id, function_id);
    return want;
}

// A call in a thread of its own.
typedef struct {
    relay_t *relay;
    lease_request_t want;
    lease_client_t keeper;
    relay_place_t place;
    relay_cell_t cell;
    pthread_t thread, begun_in;
    bool handed;
    atomic_bool over;
} call_t;

static void on_begin(void *ctx)
{
    call_t *c = ctx;
    c->begun_in = pthread_self();
    c->cell.calls++;
}

static bool look_for_cell(call_t *c)
{
    const relay_call_t call = {.want = &c->want,
                               .keeper = &c->keeper,
                               .place = &c->place,
                               .cell = &c->cell,
                               .begin = on_begin,
                               .ctx = c};
    return relay_wait(c->relay, &call);
}

static void *run_call(void *arg)
{
    call_t *c = arg;
    c->handed = look_for_cell(c);
    c->over = true;
    return NULL;
}

static void init_call(call_t *c, relay_t *relay, int connection)
{
    *c = (call_t){.relay = relay, .want = wanted()};
    lease_client_init(&c->keeper, "");
    c->keeper.fd = connection;
    relay_cell_init(&c->cell);
}

static void join(call_t *c)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LONG_MS / 1000;
    assert_int_equal(pthread_timedjoin_np(c->thread, NULL, &until), 0);
}

// As many calls as there are places have cells with a term.
static relay_t *full_ring(call_t holders[PLACES])
{
    relay_t *relay = relay_new(PLACES);
    assert_non_null(relay);
    for (int i = 0; i < PLACES; i++) {
        init_call(&holders[i], relay, 100 + i);
        assert_false(look_for_cell(&holders[i]));
        relay_join(relay, &holders[i].want, &holders[i].place);
        holders[i].cell.fds[0] = 200 + i;
        holders[i].cell.term.until_ns = clock_mono_ns() + LONG_MS * 1000000LL;
    }
    return relay;
}

static void leave_all(relay_t *relay, call_t *calls, int count)
{
    for (int i = 0; i < count; i++)
        relay_leave(relay, &calls[i].place);
}

// Until it waits, or does no more.
static void await_waiting(const call_t *c, const relay_place_t *ring)
{
    int64_t until = clock_mono_ns() + LONG_MS * 1000000LL;
    while (!relay_is_wanted(c->relay, ring) && !c->over)
        assert_true(clock_left_ms(until) > 0);
}

static void start_waiting(call_t *c, relay_t *relay, const relay_place_t *ring)
{
    init_call(c, relay, -1);
    assert_int_equal(pthread_create(&c->thread, NULL, run_call, c), 0);
    await_waiting(c, ring);
}

static void nobody_waits_where_no_cell_goes_round(void **state)
{
    (void)state;
    relay_t *relay = relay_new(PLACES);
    call_t c;
    init_call(&c, relay, -1);
    assert_false(look_for_cell(&c));
    assert_null(c.place.ring);
    assert_false(relay_is_wanted(relay, &c.place));
    assert_false(relay_pass(relay, &c.place, &c.keeper, &c.cell));
    relay_leave(relay, &c.place);
    relay_free(relay);
}

// The patience of a waiting call is 20 ms; where the machine is so slow that it ends before the test goes on, the
// call was not handed anything, and the test tries again.
static bool pass_to(call_t *waiting, relay_t *relay, call_t *holder)
{
    start_waiting(waiting, relay, &holder->place);
    bool passed = relay_pass(relay, &holder->place, &holder->keeper, &holder->cell);
    join(waiting);
    assert_true(passed == waiting->handed);
    return passed;
}

static void a_cell_goes_to_the_call_that_waits_and_its_connection_with_it(void **state)
{
    (void)state;
    call_t holders[PLACES], waiting;
    relay_t *relay = full_ring(holders);
    while (!pass_to(&waiting, relay, &holders[0]))
        relay_leave(relay, &waiting.place);
    assert_int_equal(waiting.cell.fds[0], 200);
    assert_int_equal(waiting.cell.calls, 2);
    assert_int_equal(waiting.keeper.fd, 100);
    assert_int_equal(holders[0].keeper.fd, -1);
    // It had begun before it woke up; and the place is now its own.
    assert_true(pthread_equal(waiting.begun_in, pthread_self()));
    assert_null(holders[0].place.ring);
    assert_ptr_equal(waiting.place.ring, holders[1].place.ring);
    relay_leave(relay, &waiting.place);
    leave_all(relay, holders, PLACES);
    relay_free(relay);
}

static void a_cell_that_goes_back_sends_who_waits_to_the_keeper(void **state)
{
    (void)state;
    call_t holders[PLACES], waiting;
    relay_t *relay = full_ring(holders);
    for (bool sent = false; !sent;) {
        start_waiting(&waiting, relay, &holders[0].place);
        relay_leave(relay, &holders[0].place);
        join(&waiting);
        assert_false(waiting.handed);
        assert_int_equal(waiting.keeper.fd, -1);
        sent = waiting.place.ring != NULL;
        relay_join(relay, &holders[0].want, &holders[0].place);
    }
    relay_leave(relay, &waiting.place);
    leave_all(relay, holders, PLACES);
    relay_free(relay);
}

static void patience_ends(void **state)
{
    (void)state;
    call_t holders[PLACES], waiting;
    relay_t *relay = full_ring(holders);
    int64_t began = clock_mono_ns();
    start_waiting(&waiting, relay, &holders[0].place);
    join(&waiting);
    assert_true(clock_mono_ns() - began >= SHORT_MS * 1000000LL);
    assert_false(waiting.handed);
    assert_null(waiting.place.ring);
    assert_false(relay_is_wanted(relay, &holders[0].place));
    leave_all(relay, holders, PLACES);
    relay_free(relay);
}

// A change that is acknowledged at the end of a term must not find a call of later in the old cell.
static void who_comes_after_the_term_is_not_handed_the_cell(void **state)
{
    (void)state;
    call_t holders[PLACES], waiting;
    relay_t *relay = full_ring(holders);
    holders[0].cell.term.until_ns = clock_mono_ns();
    assert_false(pass_to(&waiting, relay, &holders[0]));
    assert_non_null(holders[0].place.ring);
    leave_all(relay, holders, PLACES);
    relay_free(relay);
}

// A change that was acknowledged before the term began: who was found by a path in routes of before has to ask.
static void who_knows_older_routes_is_not_handed_the_cell(void **state)
{
    (void)state;
    static const int64_t editions[] = {EDITION_UNKNOWN, 41, 42, 43, EDITION_ANY};
    for (int i = 0; i < 5; i++) {
        call_t holders[PLACES], waiting;
        bool tried = false, passed = false;
        relay_t *relay = full_ring(holders);
        holders[0].cell.term.edition = 42;
        while (!tried) {
            init_call(&waiting, relay, -1);
            waiting.want.edition = editions[i];
            assert_int_equal(pthread_create(&waiting.thread, NULL, run_call, &waiting), 0);
            await_waiting(&waiting, &holders[0].place);
            tried = relay_is_wanted(relay, &holders[0].place);
            passed = relay_pass(relay, &holders[0].place, &holders[0].keeper, &holders[0].cell);
            // Where its patience ended just then, once more.
            tried = passed || (tried && relay_is_wanted(relay, &holders[0].place));
            join(&waiting);
        }
        assert_true(passed == (i >= 2));
        assert_true(waiting.handed == passed);
        relay_leave(relay, &waiting.place);
        leave_all(relay, holders, PLACES);
        relay_free(relay);
    }
}

static void others_do_not_wait(void **state)
{
    (void)state;
    call_t holders[PLACES], other;
    relay_t *relay = full_ring(holders);
    for (int i = 0; i < 5; i++) {
        init_call(&other, relay, -1);
        lease_request_t *want = &other.want;
        if (i == 0)
            str_copy(want->function_id, sizeof want->function_id, other_id);
        else if (i == 1)
            want->revision = 8;
        else if (i == 2)
            want->runtime = RUNTIME_GVISOR;
        else if (i == 3)
            want->isolation = ISOLATION_REQUEST;
        else
            want->check_revision = 0;
        // On a busy machine not waiting may take long, too, but not each time.
        int64_t took_ns, tries = 0;
        do {
            int64_t began = clock_mono_ns();
            assert_false(look_for_cell(&other));
            took_ns = clock_mono_ns() - began;
        } while (took_ns >= SHORT_MS * 1000000LL && ++tries < 20);
        assert_true(took_ns < SHORT_MS * 1000000LL);
        assert_null(other.place.ring);
    }
    leave_all(relay, holders, PLACES);
    relay_free(relay);
}

static void the_first_to_come_is_the_first_to_go(void **state)
{
    (void)state;
    call_t holders[PLACES], first, second;
    bool in_time;
    do {
        relay_t *relay = full_ring(holders);
        start_waiting(&first, relay, &holders[0].place);
        init_call(&second, relay, -1);
        assert_int_equal(pthread_create(&second.thread, NULL, run_call, &second), 0);
        bool passed = relay_pass(relay, &holders[0].place, &holders[0].keeper, &holders[0].cell);
        join(&first);
        join(&second);
        in_time = passed && first.handed;
        assert_false(in_time && second.handed);
        relay_leave(relay, &first.place);
        relay_leave(relay, &second.place);
        leave_all(relay, holders, PLACES);
        relay_free(relay);
    } while (!in_time);
}

// ---- many at once

static atomic_int users[PLACES], handed, asked;

// With the cell in hand: nobody else may have it.
static void use(const relay_cell_t *cell)
{
    int i = cell->fds[0] - 200;
    assert_int_equal(atomic_fetch_add(&users[i], 1), 0);
    sched_yield();
    assert_int_equal(atomic_fetch_sub(&users[i], 1), 1);
}

static pthread_mutex_t keepers = PTHREAD_MUTEX_INITIALIZER;
static relay_cell_t spare[PLACES];
static int spares;

// The keeper, which has cells for as many calls as there are places.
static bool ask_keeper(relay_cell_t *cell)
{
    pthread_mutex_lock(&keepers);
    bool got = spares > 0;
    if (got)
        *cell = spare[--spares];
    pthread_mutex_unlock(&keepers);
    return got;
}

static void give_back(const relay_cell_t *cell)
{
    pthread_mutex_lock(&keepers);
    spare[spares++] = *cell;
    pthread_mutex_unlock(&keepers);
}

static void *go_round(void *arg)
{
    relay_t *relay = arg;
    call_t c;
    for (int i = 0; i < ROUNDS; i++) {
        init_call(&c, relay, -1);
        if (look_for_cell(&c)) {
            handed++;
        } else {
            while (!ask_keeper(&c.cell))
                sched_yield();
            c.cell.term.until_ns = clock_mono_ns() + 1000000; // one millisecond
            relay_join(relay, &c.want, &c.place);
            asked++;
        }
        use(&c.cell);
        if (!relay_pass(relay, &c.place, &c.keeper, &c.cell)) {
            give_back(&c.cell);
            relay_leave(relay, &c.place);
        }
    }
    return NULL;
}

static void a_cell_is_never_in_two_hands(void **state)
{
    (void)state;
    relay_t *relay = relay_new(PLACES);
    pthread_t threads[FLOCK];
    for (spares = 0; spares < PLACES; spares++) {
        relay_cell_init(&spare[spares]);
        spare[spares].fds[0] = 200 + spares;
    }
    for (int i = 0; i < FLOCK; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, go_round, relay), 0);
    for (int i = 0; i < FLOCK; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(handed + asked, FLOCK * ROUNDS);
    assert_true(handed > 0 && asked > 0);
    assert_int_equal(spares, PLACES);
    relay_free(relay);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_where_no_cell_goes_round),
        cmocka_unit_test(a_cell_goes_to_the_call_that_waits_and_its_connection_with_it),
        cmocka_unit_test(a_cell_that_goes_back_sends_who_waits_to_the_keeper),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(who_comes_after_the_term_is_not_handed_the_cell),
        cmocka_unit_test(who_knows_older_routes_is_not_handed_the_cell),
        cmocka_unit_test(others_do_not_wait),
        cmocka_unit_test(the_first_to_come_is_the_first_to_go),
        cmocka_unit_test(a_cell_is_never_in_two_hands),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
