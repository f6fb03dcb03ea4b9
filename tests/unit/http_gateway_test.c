// A gateway in a process of its own, and clients that speak FastCGI to it byte by byte.
#include "http/gateway.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/crypto.h"
#include "support.h"

enum {
    THREADS = 16,
    STACK_BYTES = 1024 * 1024, // sanitizers need more than the real thing
    BODY_CAP = 1000,
    BEGIN = 1,
    ABORT = 2,
    END = 3,
    PARAMS = 4,
    STDIN = 5,
    STDOUT = 6,
};

typedef struct {
    pid_t pid;
    char dir[64], path[100];
    int told[2]; // what the handlers say out of band
} server_t;

// ---- the server's side

static void echo(request_t *request, response_t *response)
{
    err_t err;
    if (request_read_body(request, BODY_CAP, &err) < 0) {
        response->status = err.code == ERR_TOO_LARGE ? 413 : 400;
        buf_adds(&response->body, err_code_name(err.code));
        return;
    }
    const char *header = request_header(request, "x-test");
    buf_addf(&response->body, "%s %s %s [%s] ", request->method, request->path, request->raw_query,
             header ? header : "");
    buf_add(&response->body, buf_str(&request->body), request->body.len);
}

static void wait_for_hang_up(const server_t *s, const request_t *request)
{
    struct pollfd p = {.fd = request->client_fd, .events = POLLRDHUP};
    const char *what = poll(&p, 1, 10000) == 1 ? "h" : "?";
    assert_int_equal(write(s->told[1], what, 1), 1);
}

static void stream(const request_t *request, response_t *response)
{
    if (response_stream(response) < 0)
        return;
    for (int i = 0; i < 3; i++) {
        response_write(response, "piece ", 6);
        usleep(20000);
    }
    if (request_query(request, "cut"))
        response_cut(response);
}

static void handle(void *ctx, void *state, request_t *request, const err_t *malformed,
                   response_t *response)
{
    const server_t *s = ctx;
    assert_non_null(state);
    if (malformed) {
        response->status = 400;
        return;
    }
    response_header(response, "X-Request-Id", request->id);
    const char *path = request->path;
    if (str_eq(path, "/wait"))
        wait_for_hang_up(s, request);
    else if (str_eq(path, "/stream"))
        stream(request, response);
    else if (str_eq(path, "/slow"))
        usleep(200000);
    else if (str_eq(path, "/large"))
        for (int i = 0; i < 100000; i++)
            buf_addf(&response->body, "%09d\n", i);
    else if (str_eq(path, "/unread"))
        response->status = 202;
    else
        echo(request, response);
}

static void *thread_begin(void *ctx)
{
    (void)ctx;
    return malloc(1);
}

static void serve(server_t *s, int listen_fd)
{
    const gateway_t gateway = {
        .listen_fd = listen_fd,
        .threads = THREADS,
        .stack_bytes = STACK_BYTES,
        .thread_begin = thread_begin,
        .thread_end = free,
        .handle = handle,
        .ctx = s,
    };
    err_t err;
    int result = gateway_run(&gateway, &err);
    close(listen_fd);
    exit(result < 0 ? 1 : 0);
}

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    assert_true(str_copy(at.sun_path, sizeof at.sun_path, path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_ok(fd);
    assert_ok(bind(fd, (struct sockaddr *)&at, sizeof at));
    assert_ok(listen(fd, 128));
    return fd;
}

static int start(void **state)
{
    server_t *s = calloc(1, sizeof *s);
    assert_non_null(s);
    str_copy(s->dir, sizeof s->dir, "/tmp/cloche-gateway-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof s->path, "%s/s", s->dir);
    assert_ok(pipe(s->told));
    int listen_fd = listen_at(s->path);
    fflush(NULL);
    s->pid = fork();
    assert_ok(s->pid);
    if (s->pid == 0) {
        err_t err;
        if (crypto_init(&err) < 0 || gateway_prepare(0, &err) < 0)
            exit(1);
        serve(s, listen_fd);
    }
    close(listen_fd);
    *state = s;
    return 0;
}

// Stops the server, if no test did; it must end with 0, which also says that nothing leaked.
static int stop(void **state)
{
    server_t *s = *state;
    int status = 0;
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    }
    unlink(s->path);
    rmdir(s->dir);
    close(s->told[0]);
    close(s->told[1]);
    free(s);
    assert_int_equal(status, 0);
    return 0;
}

// ---- the client's side

static int dial(const server_t *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    str_copy(at.sun_path, sizeof at.sun_path, s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_ok(fd);
    assert_ok(connect(fd, (struct sockaddr *)&at, sizeof at));
    return fd;
}

static void put_record(buf_t *out, int type, const void *data, size_t len)
{
    const uint8_t header[8] = {1, (uint8_t)type, 0, 1, (uint8_t)(len >> 8), (uint8_t)len, 0, 0};
    buf_add(out, header, sizeof header);
    buf_add(out, data, len);
}

static void put_param(buf_t *out, const char *name, const char *value)
{
    buf_addc(out, (char)strlen(name));
    buf_addc(out, (char)strlen(value));
    buf_adds(out, name);
    buf_adds(out, value);
}

static void put_head(buf_t *out, const char *method, const char *uri, size_t length, bool keep)
{
    const uint8_t begin[8] = {0, 1, keep};
    char text[24];
    snprintf(text, sizeof text, "%zu", length);
    cleanup_buf buf_t params = BUF_INIT(4096);
    put_param(&params, "REQUEST_METHOD", method);
    put_param(&params, "REQUEST_URI", uri);
    put_param(&params, "CONTENT_LENGTH", text);
    put_param(&params, "HTTP_X_TEST", "value");
    put_record(out, BEGIN, begin, sizeof begin);
    put_record(out, PARAMS, params.data, params.len);
    put_record(out, PARAMS, "", 0);
}

static void send_all(int fd, const buf_t *b)
{
    for (size_t at = 0; at < b->len;) {
        ssize_t n = send(fd, b->data + at, b->len - at, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += (size_t)n;
    }
}

static void ask(int fd, const char *method, const char *uri, const char *body, size_t len,
                bool keep)
{
    cleanup_buf buf_t out = BUF_INIT(1 << 24);
    put_head(&out, method, uri, len, keep);
    for (size_t at = 0; at < len; at += 30000)
        put_record(&out, STDIN, body + at, len - at < 30000 ? len - at : 30000);
    put_record(&out, STDIN, "", 0);
    send_all(fd, &out);
}

static bool read_exactly(int fd, void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, (char *)data + at, len - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

// Reads an answer; true if it was ended as the protocol says.
static bool get(int fd, buf_t *answer)
{
    uint8_t header[8], data[65536 + 255];
    buf_reset(answer);
    while (read_exactly(fd, header, sizeof header)) {
        size_t len = (size_t)header[4] << 8 | header[5];
        if (!read_exactly(fd, data, len + header[6]))
            return false;
        if (header[1] == STDOUT)
            buf_add(answer, data, len);
        if (header[1] == END)
            return true;
    }
    return false;
}

static bool round_trip(const server_t *s, const char *method, const char *uri, const char *body,
                       buf_t *answer)
{
    cleanup_close int fd = dial(s);
    ask(fd, method, uri, body, strlen(body), false);
    return get(fd, answer);
}

#define ANSWER BUF_INIT(1 << 24)

// ---- tests

static void request_and_answer(void **state)
{
    cleanup_buf buf_t answer = ANSWER;
    assert_true(round_trip(*state, "POST", "/a%20b?c=d", "the body", &answer));
    assert_true(str_starts(answer.data, "Status: 200 OK\r\nX-Request-Id: "));
    assert_contains(answer.data, "\r\n\r\nPOST /a%20b c=d [value] the body");
}

static void malformed_requests_reach_the_handler_as_such(void **state)
{
    cleanup_buf buf_t answer = ANSWER;
    assert_true(round_trip(*state, "GET", "/?%", "", &answer));
    assert_true(str_starts(answer.data, "Status: 400 Bad Request\r\n"));
}

static void one_connection_carries_many_requests(void **state)
{
    cleanup_buf buf_t answer = ANSWER;
    cleanup_close int fd = dial(*state);
    for (int i = 0; i < 50; i++) {
        ask(fd, "POST", "/x", "body", 4, true);
        assert_true(get(fd, &answer));
        assert_contains(answer.data, "POST /x  [value] body");
    }
}

static void hundred_at_once(void **state)
{
    enum { CLIENTS = 100 };
    int fds[CLIENTS];
    cleanup_buf buf_t answer = ANSWER;
    for (int i = 0; i < CLIENTS; i++) {
        char uri[32];
        snprintf(uri, sizeof uri, "/n/%d", i);
        fds[i] = dial(*state);
        ask(fds[i], "GET", uri, "", 0, false);
    }
    for (int i = 0; i < CLIENTS; i++) {
        char wanted[40];
        snprintf(wanted, sizeof wanted, "GET /n/%d  [value] ", i);
        assert_true(get(fds[i], &answer));
        assert_contains(answer.data, wanted);
        close(fds[i]);
    }
}

static void large_answers_arrive_whole(void **state)
{
    cleanup_buf buf_t answer = ANSWER;
    assert_true(round_trip(*state, "GET", "/large", "", &answer));
    assert_contains(answer.data, "Content-Length: 1000000\r\n\r\n000000000\n");
    assert_string_equal(answer.data + answer.len - 10, "000099999\n");
}

static void bodies_over_the_cap_leave_the_connection_usable(void **state)
{
    enum { LARGE = 3000000 };
    cleanup_buf buf_t answer = ANSWER;
    cleanup_free char *body = calloc(1, LARGE);
    cleanup_close int fd = dial(*state);
    ask(fd, "POST", "/x", body, LARGE, true);
    assert_true(get(fd, &answer));
    assert_true(str_starts(answer.data, "Status: 413 Content Too Large\r\n"));
    ask(fd, "POST", "/unread", body, LARGE, true);
    assert_true(get(fd, &answer));
    assert_true(str_starts(answer.data, "Status: 202 Accepted\r\n"));
    ask(fd, "GET", "/x", "", 0, true);
    assert_true(get(fd, &answer));
    assert_true(str_starts(answer.data, "Status: 200 OK\r\n"));
}

static void a_hang_up_shows_on_the_descriptor(void **state)
{
    const server_t *s = *state;
    int fd = dial(s);
    ask(fd, "GET", "/wait", "", 0, false);
    usleep(20000);
    int64_t left_ms = clock_mono_ms();
    close(fd);
    char told;
    assert_int_equal(read(s->told[0], &told, 1), 1);
    assert_int_equal(told, 'h');
    assert_in_range(clock_mono_ms() - left_ms, 0, 1000);
}

static void an_aborted_body_is_no_body(void **state)
{
    cleanup_buf buf_t out = BUF_INIT(4096), answer = ANSWER;
    cleanup_close int fd = dial(*state);
    put_head(&out, "POST", "/x", 100, true);
    put_record(&out, STDIN, "part", 4);
    put_record(&out, ABORT, "", 0);
    send_all(fd, &out);
    shutdown(fd, SHUT_WR);
    get(fd, &answer);
    assert_true(str_starts(buf_str(&answer), "Status: 400 Bad Request\r\n"));
    assert_true(round_trip(*state, "GET", "/x", "", &answer));
}

static void half_a_request_harms_nobody(void **state)
{
    cleanup_buf buf_t out = BUF_INIT(4096), answer = ANSWER;
    put_head(&out, "POST", "/x", 100, false);
    for (size_t len = 1; len < out.len; len += 7) {
        int fd = dial(*state);
        assert_int_equal(send(fd, out.data, len, MSG_NOSIGNAL), len);
        close(fd);
    }
    assert_true(round_trip(*state, "GET", "/x", "", &answer));
}

static void streams_are_ended_or_cut(void **state)
{
    cleanup_buf buf_t answer = ANSWER;
    assert_true(round_trip(*state, "GET", "/stream", "", &answer));
    assert_contains(answer.data, "\r\n\r\npiece piece piece ");
    assert_false(round_trip(*state, "GET", "/stream?cut=1", "", &answer));
    assert_contains(answer.data, "\r\n\r\npiece piece piece ");
}

static void pieces_of_a_stream_come_one_by_one(void **state)
{
    cleanup_close int fd = dial(*state);
    ask(fd, "GET", "/stream", "", 0, false);
    int pieces = 0;
    char data[4096];
    while (read(fd, data, sizeof data) > 0)
        pieces++;
    assert_true(pieces >= 4);
}

static void stop_finishes_what_runs(server_t *s, int signal_number)
{
    cleanup_buf buf_t answer = ANSWER;
    cleanup_close int idle = dial(s), busy = dial(s);
    ask(idle, "GET", "/x", "", 0, true);
    assert_true(get(idle, &answer));
    ask(busy, "GET", "/slow", "", 0, true);
    usleep(50000);
    kill(s->pid, signal_number);
    assert_true(get(busy, &answer));
    assert_true(str_starts(answer.data, "Status: 200 OK\r\n"));
    assert_false(get(idle, &answer));
    int status;
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
    s->pid = 0;
}

static void term_finishes_what_runs(void **state)
{
    stop_finishes_what_runs(*state, SIGTERM);
}

static void usr1_finishes_what_runs(void **state)
{
    stop_finishes_what_runs(*state, SIGUSR1);
}

// In a process whose parent has gone: serves, if it may.
static void serve_as_orphan(server_t *s, int listen_fd, pid_t parent)
{
    err_t err;
    alarm(WATCHDOG_S);
    while (getppid() == parent)
        poll(NULL, 0, 1);
    if (gateway_prepare(parent, &err) < 0)
        exit(1);
    serve(s, listen_fd);
}

// What starts the workers may be gone before one of them has come to ask for a signal at its end.
static void who_has_lost_its_parent_already_ends(void **state)
{
    (void)state;
    server_t s = {0};
    snprintf(s.path, sizeof s.path, "/tmp/cloche-gateway-%d", getpid());
    int alive[2], status;
    char byte;
    assert_ok(pipe(alive));
    int listen_fd = listen_at(s.path);
    fflush(NULL);
    pid_t parent = fork();
    assert_ok(parent);
    if (parent == 0) {
        parent = getpid();
        if (fork() == 0)
            serve_as_orphan(&s, listen_fd, parent);
        _exit(0);
    }
    close(listen_fd);
    close(alive[1]);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    struct pollfd p = {.fd = alive[0], .events = POLLIN};
    int ended = poll(&p, 1, 10000);
    unlink(s.path);
    assert_int_equal(ended, 1);
    assert_int_equal(read(alive[0], &byte, 1), 0);
    close(alive[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_and_answer),
        cmocka_unit_test(malformed_requests_reach_the_handler_as_such),
        cmocka_unit_test(one_connection_carries_many_requests),
        cmocka_unit_test(hundred_at_once),
        cmocka_unit_test(large_answers_arrive_whole),
        cmocka_unit_test(bodies_over_the_cap_leave_the_connection_usable),
        cmocka_unit_test(a_hang_up_shows_on_the_descriptor),
        cmocka_unit_test(an_aborted_body_is_no_body),
        cmocka_unit_test(half_a_request_harms_nobody),
        cmocka_unit_test(streams_are_ended_or_cut),
        cmocka_unit_test(pieces_of_a_stream_come_one_by_one),
    };
    const struct CMUnitTest stopping[] = {
        cmocka_unit_test_setup_teardown(term_finishes_what_runs, start, stop),
        cmocka_unit_test_setup_teardown(usr1_finishes_what_runs, start, stop),
        cmocka_unit_test(who_has_lost_its_parent_already_ends),
    };
    alarm(WATCHDOG_S);
    int failed = cmocka_run_group_tests_name("serving", tests, start, stop);
    return failed + cmocka_run_group_tests_name("stopping", stopping, NULL, NULL);
}
