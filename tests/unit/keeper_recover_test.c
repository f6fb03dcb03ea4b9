// What becomes of the cells of a keeper that was killed.
#include "keeper_support.h"

static const char lost_cell[] = "01926f5c-7d3e-7a10-8000-00000000000a";
static const char held_cell[] = "01926f5c-7d3e-7a10-8000-00000000000b";

// What a keeper that was killed leaves of one cell: its directory and a process.
static fake_cell_t *leave_cell(const char *id)
{
    char path[160];
    snprintf(path, sizeof path, "%s/cells", run_dir);
    mkdir(path, 0711);
    snprintf(path, sizeof path, "%s/cells/%s", run_dir, id);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, CELL_UID_FIRST + 5, CELL_UID_FIRST + 5), 0);
    fake_cell_t *c = fake_add(id);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close_range(3, ~0U, 0);
        pause();
        _exit(0);
    }
    c->pid = pid;
    return c;
}

static lease_msg_t hold(const char *cell, int64_t ms)
{
    lease_msg_t msg = {.type = MSG_HOLD, .hold.deadline_ns = clock_mono_ns() + ms * 1000000};
    str_copy(msg.hold.cell, ID_TEXT, cell);
    str_copy(msg.hold.function_id, ID_TEXT, function_id);
    return msg;
}

static void held_cells_are_taken_over_and_others_removed(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fake_cell_t *held = leave_cell(held_cell), *lost = leave_cell(lost_cell);
    start_keeper();
    int worker = connect_worker(), late = connect_worker();
    lease_msg_t msg = hold(held_cell, 20000);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
    // It can be held once only.
    msg = hold(held_cell, 20000);
    tell(late, &msg);
    expect(late, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_NONE);
    await_death(lost);
    assert_true(fake_alive(held));
    held_t mine = {.fds = {-1, -1, -1}, .cell = held};
    str_copy(mine.grant.cell, ID_TEXT, held_cell);
    lease_usage_t usage = release(worker, &mine, false);
    assert_int_equal(usage.killed, WHY_NONE);
    await_death(held);
    for (int i = 0; i < fake_count; i++)
        assert_true(fake_cells[i].cpu_millis <= 1000);
    close(late);
    end(worker);
}

static void the_deadline_of_a_held_cell_goes_on(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fake_cell_t *held = leave_cell(held_cell);
    start_keeper();
    int worker = connect_worker();
    lease_msg_t msg = hold(held_cell, 80);
    tell(worker, &msg);
    expect(worker, MSG_ACK, &msg, NULL);
    expect(worker, MSG_KILLED, &msg, NULL);
    assert_int_equal(msg.killed.why, WHY_TIMEOUT);
    await_death(held);
    end(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(held_cells_are_taken_over_and_others_removed),
        KEEPER_TEST(the_deadline_of_a_held_cell_goes_on),
    };
    return run_keeper_tests(tests, COUNT(tests));
}
