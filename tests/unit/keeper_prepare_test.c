// Cells that load a function's code before its requests come.
#include <fcntl.h>
#include <sys/mman.h>

#include "keeper_support.h"

enum { ALL_SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static const char other_function[] = "01926f5c-7d3e-7a10-8000-000000000002";

// A keeper that prepares one cell for each function from its first call on.
static int begin_preparing(void)
{
    config.prepared_cells = 2;
    config.prepare_after = 1;
    config.prepare_from_ms = 0;
    config.prepare_timeout_ms = 2000;
    config.code_mb = 64;
    return begin();
}

static lease_msg_t request_of(const char *id)
{
    lease_msg_t msg = request();
    str_copy(msg.lease.function_id, ID_TEXT, id);
    return msg;
}

static int make_file(const char *does, int seals)
{
    char frame[64] = {0, 0, 0, (char)strlen(does), FRAME_INIT};
    int fd = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    memcpy(frame + FRAME_HEADER, does, strlen(does));
    assert_int_equal(write(fd, frame, FRAME_HEADER + strlen(does)), FRAME_HEADER + strlen(does));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void send_code(int worker, int fd)
{
    const lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_CODE};
    assert_ok(lease_send(worker, &msg, &fd, fd >= 0, NULL));
    close(fd);
}

// Calls the function once, and hands its code over when that is asked for. The cell that it was called in.
static fake_cell_t *call(int worker, const lease_msg_t *wanted, const char *does)
{
    lease_msg_t msg;
    held_t held = lease(worker, wanted);
    expect(worker, MSG_NEED_CODE, &msg, NULL);
    send_code(worker, make_file(does, ALL_SEALS));
    release(worker, &held, false);
    return held.cell;
}

static uint32_t prepared(int worker)
{
    return counts(worker).pools[LANG_PYTHON][RUNTIME_DOCKER].prepared;
}

static fake_cell_t *find_frozen(void)
{
    for (int i = 0; i < fake_count; i++)
        if (fake_cells[i].frozen && fake_alive(&fake_cells[i]))
            return &fake_cells[i];
    return NULL;
}

// Waits until one cell has loaded the code and is frozen.
static fake_cell_t *await_prepared(void)
{
    fake_cell_t *c;
    for (int ms = 0; !(c = find_frozen()); ms++) {
        if (ms == WAIT_MS)
            fail_msg("no cell was prepared");
        usleep(1000);
    }
    return c;
}

static fake_cell_t *prepare_one(int worker, const lease_msg_t *wanted)
{
    call(worker, wanted, "r");
    fake_cell_t *c = await_prepared();
    await_ready(worker, 4);
    return c;
}

static void changed(int worker, int64_t revision, bool deleted)
{
    lease_msg_t msg = {.type = MSG_CHANGED, .changed = {.revision = revision, .deleted = deleted}};
    str_copy(msg.changed.function_id, ID_TEXT, function_id);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
}

static void hear_byte(int fd, char wanted)
{
    char said = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_int_equal(read(fd, &said, 1), 1);
    assert_int_equal(said, wanted);
}

static void the_next_request_finds_its_code_loaded(void **state)
{
    (void)state;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    call(worker, &wanted, "pr");
    fake_cell_t *c = await_prepared();
    assert_int_equal(c->memory, 128 << 20);
    assert_int_equal(c->cpu_millis, 500);
    assert_int_equal(prepared(worker), 1);
    held_t held = lease(worker, &wanted);
    assert_ptr_equal(held.cell, c);
    assert_true(held.grant.prepared);
    assert_int_equal(held.grant.start, START_PREWARMED);
    for (int ms = 0; c->frozen && ms < WAIT_MS; ms++)
        usleep(1000);
    assert_false(c->frozen);
    // Its sockets work, and what it printed as it loaded is in them.
    assert_int_equal(write(held.fds[0], "e", 1), 1);
    hear_byte(held.fds[0], 'c');
    hear_byte(held.fds[1], 'p');
    hear_byte(held.fds[1], 's');
    hear_byte(held.fds[2], 'e');
    assert_true(release(worker, &held, false).cpu_us % FAKE_CPU_US == 0);
    await_death(c);
    // Another one takes its place without another question.
    assert_ptr_not_equal(await_prepared(), c);
    held = lease(worker, &wanted);
    assert_true(held.grant.prepared);
    release(worker, &held, false);
    end(worker);
}

static void the_deadline_holds_in_it(void **state)
{
    (void)state;
    int worker = begin_preparing();
    lease_msg_t wanted = request(), msg;
    prepare_one(worker, &wanted);
    wanted.lease.timeout_ms = 50;
    held_t held = lease(worker, &wanted);
    assert_true(held.grant.prepared);
    expect(worker, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    release(worker, &held, false);
    await_death(held.cell);
    end(worker);
}

// What a request may differ in and still not be served by the prepared cell.
static void another(lease_request_t *want, int i)
{
    switch (i) {
    case 0:
        str_copy(want->function_id, ID_TEXT, other_function);
        break;
    case 1:
        want->revision = 0;
        break;
    case 2:
        want->memory_mb = 64;
        break;
    case 3:
        want->cpu_millis = 1000;
        break;
    case 4:
        want->isolation = ISOLATION_FUNCTION;
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
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    fake_cell_t *c = prepare_one(worker, &wanted);
    for (int i = 0; i < 8; i++) {
        int client = connect_worker();
        lease_msg_t other = request();
        another(&other.lease, i);
        held_t held = lease(client, &other);
        if (held.cell == c || held.grant.prepared)
            fail_msg("request %d was given the prepared cell", i);
        close(client);
        drop_sockets(&held);
        await_death(held.cell);
    }
    assert_true(fake_alive(c));
    held_t held = lease(worker, &wanted);
    assert_ptr_equal(held.cell, c);
    release(worker, &held, false);
    end(worker);
}

static void a_change_drops_it_before_its_ack(void **state)
{
    (void)state;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    fake_cell_t *c = prepare_one(worker, &wanted);
    changed(worker, 1, false); // what it has
    assert_int_equal(prepared(worker), 1);
    changed(worker, 2, false);
    assert_int_equal(prepared(worker), 0);
    await_death(c);
    // The next revision is asked for anew, and one that is still loading goes as well.
    wanted.lease.revision = 2;
    call(worker, &wanted, ".");
    while (prepared(worker) == 0)
        usleep(1000);
    changed(worker, 3, false);
    assert_int_equal(prepared(worker), 0);
    wanted.lease.revision = 3;
    c = prepare_one(worker, &wanted);
    changed(worker, 3, true);
    assert_int_equal(prepared(worker), 0);
    await_death(c);
    await_ready(worker, 4);
    end(worker);
}

// Loads once as the code does; afterwards nothing is left of the cell, and the function is called as ever.
static void expect_unprepared(const char *does)
{
    int worker = begin_preparing(), cells;
    lease_msg_t wanted = request(), other = request_of(other_function);
    config.prepare_timeout_ms = 100;
    call(worker, &wanted, does);
    // One cell for each pool, one that was leased, one that failed, and for both another one.
    for (int ms = 0; fake_count < 6 || fake_living() != 4 || prepared(worker) != 0; ms++) {
        if (ms == WAIT_MS)
            fail_msg("'%s': %d cells made, %d live", does, fake_count, fake_living());
        usleep(1000);
    }
    await_ready(worker, 4);
    cells = fake_count;
    // It has none for a while, and is not asked about.
    held_t held = lease(worker, &wanted);
    assert_false(held.grant.prepared);
    release(worker, &held, false);
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    assert_int_equal(fake_count, cells + 1);
    // Another function has.
    prepare_one(worker, &other);
    end(worker);
}

static void a_load_that_hangs_is_bounded(void **state)
{
    (void)state;
    expect_unprepared(".");
}

static void a_load_that_exits_is_no_load(void **state)
{
    (void)state;
    expect_unprepared("x");
}

static void an_answer_without_a_request_is_none(void **state)
{
    (void)state;
    expect_unprepared("h");
}

static void garbage_on_control_is_none(void **state)
{
    (void)state;
    expect_unprepared("e");
}

static void ready_and_more_is_not_ready(void **state)
{
    (void)state;
    expect_unprepared("rwh");
}

static void a_script_is_never_prepared(void **state)
{
    (void)state;
    expect_unprepared("s");
}

static void code_that_loads_quickly_is_prepared_once(void **state)
{
    (void)state;
    int worker = begin_preparing();
    config.prepare_from_ms = WAIT_MS;
    lease_msg_t wanted = request();
    prepare_one(worker, &wanted);
    held_t held = lease(worker, &wanted);
    assert_true(held.grant.prepared);
    release(worker, &held, false);
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    held = lease(worker, &wanted);
    assert_false(held.grant.prepared);
    release(worker, &held, false);
    // Of a newer revision that is not known.
    changed(worker, wanted.lease.revision + 1, false);
    wanted.lease.revision++;
    prepare_one(worker, &wanted);
    end(worker);
}

static void what_dies_while_it_waits_is_not_made_again_at_once(void **state)
{
    (void)state;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    fake_cell_t *c = prepare_one(worker, &wanted);
    kill(c->pid, SIGKILL);
    await_death(c);
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    end(worker);
}

static void lack_of_memory_ends_the_load(void **state)
{
    (void)state;
    const uint64_t one = 1;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    fake_cell_t *c = NULL, *first = call(worker, &wanted, ".");
    while (!c)
        for (int i = 0; i < fake_count; i++)
            if (fake_cells[i].memory == 128 << 20 && &fake_cells[i] != first)
                c = &fake_cells[i];
    assert_int_equal(write(c->oom, &one, sizeof one), sizeof one);
    await_death(c);
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    end(worker);
}

static void it_waits_so_long_and_no_longer(void **state)
{
    (void)state;
    config.idle_timeout_s = 1;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    await_death(prepare_one(worker, &wanted));
    end(worker);
}

static void only_code_that_was_asked_for_is_taken(void **state)
{
    (void)state;
    int worker = begin_preparing(), fds[LEASE_FDS];
    lease_msg_t wanted = request(), msg;
    wanted.lease.isolation = ISOLATION_FUNCTION; // never asked about
    int rogues[] = {connect_worker(), connect_worker()};
    held_t held = lease(rogues[1], &wanted);
    for (int i = 0; i < 2; i++) {
        send_code(rogues[i], make_file("r", ALL_SEALS));
        assert_int_equal(hear_within(rogues[i], &msg, fds, WAIT_MS), -1);
        close(rogues[i]);
    }
    drop_sockets(&held);
    await_death(held.cell);
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    end(worker);
}

static void code_that_could_change_ends_the_connection(void **state)
{
    (void)state;
    int worker = begin_preparing(), fds[LEASE_FDS];
    for (int i = 0; i < 2; i++) {
        int rogue = connect_worker();
        lease_msg_t wanted = request(), msg;
        held_t held = lease(rogue, &wanted);
        expect(rogue, MSG_NEED_CODE, &msg, NULL);
        send_code(rogue, i == 0 ? make_file("r", F_SEAL_WRITE) : -1);
        assert_int_equal(hear_within(rogue, &msg, fds, WAIT_MS), -1);
        close(rogue);
        drop_sockets(&held);
        await_death(held.cell);
    }
    // The next worker is asked.
    lease_msg_t wanted = request();
    prepare_one(worker, &wanted);
    end(worker);
}

static void one_worker_is_asked_and_then_the_next(void **state)
{
    (void)state;
    int worker = begin_preparing(), second = connect_worker(), fds[LEASE_FDS];
    lease_msg_t wanted = request(), msg;
    held_t first = lease(worker, &wanted);
    expect(worker, MSG_NEED_CODE, &msg, NULL);
    await_ready(second, 4);
    held_t held = lease(second, &wanted);
    assert_int_equal(hear_within(second, &msg, fds, 50), 0);
    release(second, &held, false);
    await_ready(second, 4);
    release(worker, &first, false); // without an answer
    prepare_one(second, &wanted);
    close(second);
    end(worker);
}

static void isolation_function_and_old_versions_have_none(void **state)
{
    (void)state;
    int worker = begin_preparing(), fds[LEASE_FDS];
    for (int i = 4; i <= 5; i++) {
        lease_msg_t wanted = request(), msg;
        another(&wanted.lease, i);
        held_t held = lease(worker, &wanted);
        assert_int_equal(hear_within(worker, &msg, fds, 30), 0);
        release(worker, &held, false);
    }
    end(worker);
}

static void it_makes_room_for_those_who_wait(void **state)
{
    (void)state;
    config.max_cells = 5; // the pools' four, and it
    int worker = begin_preparing(), second = connect_worker();
    lease_msg_t wanted = request(), other = request_of(other_function);
    fake_cell_t *c = prepare_one(worker, &wanted);
    other.lease.isolation = ISOLATION_FUNCTION;
    held_t ready = lease(worker, &other), made = lease(second, &other);
    assert_int_equal(made.grant.start, START_COLD);
    await_death(c);
    release(worker, &ready, false);
    release(second, &made, false);
    close(second);
    end(worker);
}

static void there_are_no_more_than_may_be(void **state)
{
    (void)state;
    int worker = begin_preparing();
    lease_msg_t wanted = request(), other = request_of(other_function);
    lease_msg_t third = request_of("01926f5c-7d3e-7a10-8000-000000000003");
    fake_cell_t *c = prepare_one(worker, &wanted);
    call(worker, &other, "r");
    while (prepared(worker) != 2)
        usleep(1000);
    await_ready(worker, 4);
    call(worker, &third, "r");
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 2);
    assert_true(fake_alive(c)); // it has not waited for long
    held_t held = lease(worker, &third);
    assert_false(held.grant.prepared);
    release(worker, &held, false);
    end(worker);
}

static void without_a_freezer_there_are_none(void **state)
{
    (void)state;
    fake_no_freezer = true;
    int worker = begin_preparing();
    lease_msg_t wanted = request();
    call(worker, &wanted, "r");
    await_ready(worker, 4);
    assert_int_equal(prepared(worker), 0);
    assert_int_equal(fake_count, 5);
    end(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_next_request_finds_its_code_loaded),
        KEEPER_TEST(the_deadline_holds_in_it),
        KEEPER_TEST(nobody_else_gets_it),
        KEEPER_TEST(a_change_drops_it_before_its_ack),
        KEEPER_TEST(a_load_that_hangs_is_bounded),
        KEEPER_TEST(a_load_that_exits_is_no_load),
        KEEPER_TEST(an_answer_without_a_request_is_none),
        KEEPER_TEST(garbage_on_control_is_none),
        KEEPER_TEST(ready_and_more_is_not_ready),
        KEEPER_TEST(a_script_is_never_prepared),
        KEEPER_TEST(code_that_loads_quickly_is_prepared_once),
        KEEPER_TEST(what_dies_while_it_waits_is_not_made_again_at_once),
        KEEPER_TEST(lack_of_memory_ends_the_load),
        KEEPER_TEST(it_waits_so_long_and_no_longer),
        KEEPER_TEST(only_code_that_was_asked_for_is_taken),
        KEEPER_TEST(code_that_could_change_ends_the_connection),
        KEEPER_TEST(one_worker_is_asked_and_then_the_next),
        KEEPER_TEST(isolation_function_and_old_versions_have_none),
        KEEPER_TEST(it_makes_room_for_those_who_wait),
        KEEPER_TEST(there_are_no_more_than_may_be),
        KEEPER_TEST(without_a_freezer_there_are_none),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
