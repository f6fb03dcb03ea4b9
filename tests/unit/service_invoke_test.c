// A whole call against a keeper and a cell that play scripts.
#include "service/invoke.h"

#include <pthread.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/frame.h"
#include "fake_keeper.h"

enum { CALLS = 3 };

// ---- the keeper's and the cell's side

// Grants a cell, and keeps its ends of control, stdout and stderr. Nobody prints anything.
static void grant_cell(int fd, int ends[LEASE_FDS])
{
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_GRANT};
    str_copy(msg.grant.cell, sizeof msg.grant.cell, cell_id);
    msg.grant.start = START_PREWARMED;
    msg.grant.deadline_ns = clock_mono_ns() + SCRIPT_S * 1000000000LL;
    int theirs[LEASE_FDS];
    for (int i = 0; i < LEASE_FDS; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
        theirs[i] = pair[1];
        ends[i] = pair[0];
    }
    must(lease_send(fd, &msg, theirs, LEASE_FDS, NULL) == 0, "send");
    for (int i = 0; i < LEASE_FDS; i++)
        close(theirs[i]);
}

static void close_ends(int ends[LEASE_FDS])
{
    for (int i = 0; i < LEASE_FDS; i++)
        close(ends[i]);
}

static void read_frame(int control, frame_type_t type)
{
    unsigned char header[FRAME_HEADER];
    char payload[4096];
    must(recv(control, header, sizeof header, MSG_WAITALL) == sizeof header, "a frame");
    size_t len = (size_t)header[2] << 8 | header[3];
    must(header[4] == type && len <= sizeof payload, "another frame was expected");
    must(recv(control, payload, len, MSG_WAITALL) == (ssize_t)len, "its payload");
}

static void say_answer(int control, bool first, bool more)
{
    static const char ready[] = "{\"script\":false}";
    static const char head[] = "{\"status\":200,\"headers\":[],\"stream\":false}";
    static const char end[] = "{\"reusable\":true}";
    cleanup_buf buf_t out = BUF_INIT(1024);
    if (first)
        frame_put(&out, FRAME_READY, ready, strlen(ready));
    frame_put(&out, FRAME_HEAD, head, strlen(head));
    frame_put(&out, FRAME_BODY, "hello", 5);
    frame_put(&out, FRAME_END, end, strlen(end));
    if (more) // an answer to the call after it
        frame_put(&out, FRAME_HEAD, head, strlen(head));
    must(write(control, out.data, out.len) == (ssize_t)out.len, "the answer");
}

static void play_runner(int control)
{
    read_frame(control, FRAME_INIT);
    read_frame(control, FRAME_INVOKE);
    say_answer(control, true, false);
}

// Whatever else the worker told the keeper, between or after these, would not be what is expected here.
static void hears_two_messages_a_call(int listener)
{
    int fd = keeper_accept(listener);
    for (int i = 0; i < CALLS; i++) {
        keeper_expect(fd, MSG_LEASE);
        int ends[LEASE_FDS];
        grant_cell(fd, ends);
        play_runner(ends[0]);
        keeper_expect(fd, MSG_RELEASE);
        keeper_say(fd, (lease_msg_t){.type = MSG_USAGE, .usage = {.cpu_us = 5, .exit_status = -1}});
        close_ends(ends);
    }
    keeper_expect_gone(fd);
}

// ---- a keeper whose cells go from call to call

enum { CALLERS = 8, EACH = 50, CALL_US = 700, PEAK = 4 << 20, TERM_MS = 5, BOTH_MAX = 2 * CALLERS };

// A cell of this keeper, while it is leased.
typedef struct {
    int connection, ends[LEASE_FDS];
    int cpu, peak; // its meter's files, as a v1 kernel has them
    int64_t cpu_us;
    uint32_t calls;
} lent_t;

static lent_t lent[CALLERS];
static unsigned leases, calls;

// How its cells behave: what each call takes of memory, and whether they say more than the answer.
static int64_t peak = PEAK;
static bool says_more;

static void set_meter(int fd, long long number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", number);
    must(ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len, "a meter's file");
}

static lent_t *lent_to(int connection)
{
    for (int i = 0; i < CALLERS; i++)
        if (lent[i].connection == connection)
            return &lent[i];
    return NULL;
}

static void lend(int connection)
{
    lent_t *cell = lent_to(0);
    must(cell, "fewer leases than callers");
    *cell = (lent_t){.connection = connection,
                     .cpu = memfd_create("cpu", MFD_CLOEXEC),
                     .peak = memfd_create("peak", MFD_CLOEXEC)};
    grant_cell(connection, cell->ends);
    set_meter(cell->cpu, 0);
    set_meter(cell->peak, 0);
    lease_msg_t msg = {.version = LEASE_VERSION,
                       .type = MSG_TERM,
                       .term = {.until_ns = clock_mono_ns() + TERM_MS * 1000000LL,
                                .calls = EACH,
                                .peak_before = -1}};
    const int files[] = {cell->cpu, cell->peak};
    must(lease_send(connection, &msg, files, 2, NULL) == 0, "send");
    leases++;
}

static void take_back(int connection, const lease_release_t *release)
{
    lent_t *cell = lent_to(connection);
    must(cell && release->reusable == !says_more, "a release that says whether it is clean");
    must(release->calls == cell->calls, "it has counted its calls");
    must(release->cpu_before_us == cell->cpu_us - CALL_US, "what the last call began with");
    keeper_say(
        connection,
        (lease_msg_t){.type = MSG_USAGE,
                      .usage = {.cpu_us = CALL_US, .memory_peak_bytes = peak, .exit_status = -1}});
    close_ends(cell->ends);
    close(cell->cpu);
    close(cell->peak);
    *cell = (lent_t){0};
}

// The runner: each call uses a little processor time and memory.
static void run_in(lent_t *cell)
{
    unsigned char type;
    must(recv(cell->ends[0], &type, 1, MSG_PEEK) == 1, "the control socket closed during a lease");
    bool first = cell->calls == 0;
    if (first)
        read_frame(cell->ends[0], FRAME_INIT);
    read_frame(cell->ends[0], FRAME_INVOKE);
    cell->calls++;
    calls++;
    cell->cpu_us += CALL_US;
    set_meter(cell->cpu, cell->cpu_us * 1000);
    set_meter(cell->peak, peak);
    say_answer(cell->ends[0], first, says_more);
}

static bool hear(int connection)
{
    lease_msg_t msg;
    int fds[LEASE_FDS];
    int n = lease_recv(connection, &msg, fds, NULL);
    if (n == 1 && msg.type == MSG_LEASE)
        lend(connection);
    else if (n == 1 && msg.type == MSG_RELEASE)
        take_back(connection, &msg.release);
    else
        must(n < 0, "LEASE or RELEASE");
    return n == 1;
}

static void lends_for_a_term(int listener)
{
    int connections[CALLERS], count = 0, gone = 0;
    while (!count || gone < count) {
        struct pollfd p[1 + BOTH_MAX] = {{.fd = listener, .events = POLLIN}};
        for (int i = 0; i < CALLERS; i++) {
            p[1 + i] = (struct pollfd){.fd = i < count ? connections[i] : -1, .events = POLLIN};
            p[1 + CALLERS + i] =
                (struct pollfd){.fd = lent[i].connection ? lent[i].ends[0] : -1, .events = POLLIN};
        }
        must(poll(p, 1 + BOTH_MAX, SCRIPT_S * 1000) > 0, "nothing happens");
        for (int i = 0; i < CALLERS; i++)
            if (p[1 + CALLERS + i].revents)
                run_in(&lent[i]);
        for (int i = 0; i < count; i++) {
            if (!p[1 + i].revents || hear(connections[i]))
                continue;
            connections[i] = -1;
            gone++;
        }
        if (p[0].revents) {
            must(count < CALLERS, "a connection for each caller at most");
            connections[count++] = keeper_accept(listener);
        }
    }
    must(calls == CALLERS * EACH, "every call was run, once");
    bool goes_round = peak == PEAK && !says_more;
    must(goes_round ? leases < calls : leases == calls, "who asked, and who did not");
}

// ---- the worker's side

static void call(invoker_thread_t *thread, const function_t *f, int64_t cpu_us)
{
    const invoke_call_t what = {.function = f,
                                .edition = EDITION_ANY,
                                .id = "01926f5c-7d3e-7a10-8000-000000000003",
                                .client_fd = -1,
                                .arrived_ns = clock_mono_ns()};
    cleanup_invocation invocation_t record = {0};
    invoke_answer_t answer;
    assert_ok(invoke_run(thread, &what, &record, &answer, NULL));
    assert_int_equal(record.status, INVOCATION_OK);
    assert_int_equal(record.cpu_us, cpu_us);
    if (f->isolation == ISOLATION_FUNCTION)
        assert_int_equal(record.memory_peak_bytes, peak);
    assert_int_equal(answer.http_status, 200);
    assert_string_equal(buf_str(&answer.body), "hello");
    invoke_answer_free(&answer);
}

static char code[] = "def handler(): return 'hello'", nothing[] = "";
static function_t hello = {.id = "01926f5c-7d3e-7a10-8000-000000000002",
                           .name = "hello",
                           .timeout_ms = 10000,
                           .memory_mb = 128,
                           .cpu_millis = 1000,
                           .max_concurrency = 100,
                           .description = nothing,
                           .code = code,
                           .note = nothing,
                           .revision = 1};

static config_t config = {.queue_timeout_ms = 5000};

static invoker_t *open_invoker(void)
{
    invoker_t *invoker;
    str_copy(config.run, sizeof config.run, directory);
    hello.code_len = strlen(code);
    assert_ok(invoker_open(&config, &invoker, NULL));
    return invoker;
}

static void a_call_is_one_round_trip_to_ask_and_one_to_give_back(void **state)
{
    (void)state;
    keeper_t k = keeper_start(hears_two_messages_a_call, NULL);
    invoker_t *invoker = open_invoker();
    invoker_thread_t *thread = invoker_thread_new(invoker);
    hello.isolation = ISOLATION_REQUEST;
    for (int i = 0; i < CALLS; i++)
        call(thread, &hello, 5);
    invoker_thread_free(thread);
    invoker_close(invoker);
    keeper_join(&k);
}

static void *call_often(void *invoker)
{
    invoker_thread_t *thread = invoker_thread_new(invoker);
    for (int i = 0; i < EACH; i++)
        call(thread, &hello, CALL_US);
    invoker_thread_free(thread);
    return NULL;
}

static void call_from_all(void)
{
    keeper_t k = keeper_start(lends_for_a_term, NULL);
    invoker_t *invoker = open_invoker();
    pthread_t threads[CALLERS];
    hello.isolation = ISOLATION_FUNCTION;
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, invoker), 0);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    invoker_close(invoker);
    keeper_join(&k);
}

// Each has its own figures and its own answer, whether it asked the keeper or had another call's cell.
static void within_a_term_calls_have_the_cell_one_after_the_other(void **state)
{
    (void)state;
    call_from_all();
}

// Whether the kernel killed something the keeper alone knows.
static void a_cell_that_came_near_its_memory_limit_goes_back(void **state)
{
    (void)state;
    peak = 112 << 20; // seven eighths
    call_from_all();
    peak = PEAK;
}

// What it says would be the next call's answer.
static void a_cell_that_says_more_than_the_answer_goes_back(void **state)
{
    (void)state;
    says_more = true;
    call_from_all();
    says_more = false;
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
    return rmdir(directory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_one_round_trip_to_ask_and_one_to_give_back),
        cmocka_unit_test(within_a_term_calls_have_the_cell_one_after_the_other),
        cmocka_unit_test(a_cell_that_came_near_its_memory_limit_goes_back),
        cmocka_unit_test(a_cell_that_says_more_than_the_answer_goes_back),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
