// A whole call against a keeper and a cell that play scripts.
#include "service/invoke.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/frame.h"
#include "fake_keeper.h"

enum { CALLS = 3 };

// ---- the keeper's and the cell's side

// Grants a cell, and returns its end of control. Nobody prints anything.
static int grant_cell(int fd)
{
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_GRANT};
    str_copy(msg.grant.cell, sizeof msg.grant.cell, cell_id);
    msg.grant.start = START_PREWARMED;
    msg.grant.deadline_ns = clock_mono_ns() + SCRIPT_S * 1000000000LL;
    int theirs[LEASE_FDS], control = -1;
    for (int i = 0; i < LEASE_FDS; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
        theirs[i] = pair[1];
        if (i == 0)
            control = pair[0];
        else
            close(pair[0]);
    }
    must(lease_send(fd, &msg, theirs, LEASE_FDS, NULL) == 0, "send");
    for (int i = 0; i < LEASE_FDS; i++)
        close(theirs[i]);
    return control;
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

static void play_runner(int control)
{
    static const char ready[] = "{\"script\":false}";
    static const char head[] = "{\"status\":200,\"headers\":[],\"stream\":false}";
    static const char end[] = "{\"reusable\":true}";
    read_frame(control, FRAME_INIT);
    read_frame(control, FRAME_INVOKE);
    cleanup_buf buf_t out = BUF_INIT(1024);
    frame_put(&out, FRAME_READY, ready, strlen(ready));
    frame_put(&out, FRAME_HEAD, head, strlen(head));
    frame_put(&out, FRAME_BODY, "hello", 5);
    frame_put(&out, FRAME_END, end, strlen(end));
    must(write(control, out.data, out.len) == (ssize_t)out.len, "the answer");
}

// Whatever else the worker told the keeper, between or after these, would not be what is expected here.
static void hears_two_messages_a_call(int listener)
{
    int fd = keeper_accept(listener);
    for (int i = 0; i < CALLS; i++) {
        keeper_expect(fd, MSG_LEASE);
        cleanup_close int control = grant_cell(fd);
        play_runner(control);
        keeper_expect(fd, MSG_RELEASE);
        keeper_say(fd, (lease_msg_t){.type = MSG_USAGE, .usage = {.cpu_us = 5, .exit_status = -1}});
    }
    keeper_expect_gone(fd);
}

// ---- the worker's side

static void call(invoker_thread_t *thread, const function_t *f)
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
    assert_int_equal(record.cpu_us, 5);
    assert_int_equal(answer.http_status, 200);
    assert_string_equal(buf_str(&answer.body), "hello");
    invoke_answer_free(&answer);
}

static void a_call_is_one_round_trip_to_ask_and_one_to_give_back(void **state)
{
    (void)state;
    config_t config = {.queue_timeout_ms = 5000};
    str_copy(config.run, sizeof config.run, directory);
    char code[] = "def handler(): return 'hello'", nothing[] = "";
    function_t f = {.id = "01926f5c-7d3e-7a10-8000-000000000002",
                    .name = "hello",
                    .timeout_ms = 3000,
                    .memory_mb = 128,
                    .cpu_millis = 1000,
                    .max_concurrency = 1,
                    .description = nothing,
                    .code = code,
                    .code_len = strlen(code),
                    .note = nothing,
                    .revision = 1};
    keeper_t k = keeper_start(hears_two_messages_a_call, NULL);
    invoker_t *invoker;
    assert_ok(invoker_open(&config, &invoker, NULL));
    invoker_thread_t *thread = invoker_thread_new(invoker);
    for (int i = 0; i < CALLS; i++)
        call(thread, &f);
    invoker_thread_free(thread);
    invoker_close(invoker);
    keeper_join(&k);
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
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
