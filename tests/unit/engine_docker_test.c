// The Docker engine against a daemon that plays a script on a unix socket.
#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "engine/docker_spec.h"
#include "engine/engine.h"
#include "support.h"

static const char cell[] = "01926f5c-7d3e-7a10-8000-000000000001";

// One answer for each request, in order. The requests are kept to be looked at.
typedef struct {
    int listener;
    pthread_t thread;
    const char *const *answers;
    int count;
    char requests[8][4096];
} daemon_t;

static char socket_path[64];
static config_t config;
static engine_t *engine;
static daemon_t fake;

static const engine_spec_t spec = {.id = "01926f5c-7d3e-7a10-8000-000000000001",
                                   .language = LANG_PYTHON,
                                   .runtime = RUNTIME_DOCKER,
                                   .uid = 700001,
                                   .cgroup_parent = "/cloche/cell",
                                   .socket_dir = "/run/a \"quoted\" dir/cell",
                                   .disk_mb = 16,
                                   .pids = 64,
                                   .memory_ceiling = 1152ULL << 20};

static void read_request(int fd, char *out, size_t size)
{
    size_t len = 0, wanted = 0;
    while (len < size - 1) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        out[len] = '\0';
        const char *body = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
        if (body && length)
            wanted = (size_t)strtoul(length + 16, NULL, 10);
        if (body && len >= (size_t)(body + 4 - out) + wanted)
            break;
    }
    out[len] = '\0';
}

static void *play(void *context)
{
    daemon_t *d = context;
    for (int i = 0; i < d->count; i++) {
        cleanup_close int fd = accept(d->listener, NULL, NULL);
        if (fd < 0)
            break;
        read_request(fd, d->requests[i], sizeof d->requests[i]);
        ssize_t n = send(fd, d->answers[i], strlen(d->answers[i]), MSG_NOSIGNAL);
        (void)n;
    }
    return NULL;
}

static void expect(const char *const *answers, int count)
{
    fake.answers = answers;
    fake.count = count;
    assert_int_equal(pthread_create(&fake.thread, NULL, play, &fake), 0);
}

#define EXPECT(...)                                      \
    static const char *const answers_[] = {__VA_ARGS__}; \
    expect(answers_, (int)COUNT(answers_))

static void played(void)
{
    pthread_join(fake.thread, NULL);
}

#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

static int start(void **state)
{
    (void)state;
    snprintf(socket_path, sizeof socket_path, "/tmp/cloche-docker-%d", getpid());
    unlink(socket_path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, socket_path);
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake.listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fake.listener, 8) < 0)
        return -1;
    snprintf(config.docker_host, sizeof config.docker_host, "unix://%s", socket_path);
    str_copy(config.run, sizeof config.run, "/run/cloche");
    return engine_open(&config, "{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", &engine, NULL);
}

static int stop(void **state)
{
    (void)state;
    engine_close(engine);
    close(fake.listener);
    return unlink(socket_path);
}

static const cJSON *member(const cJSON *of, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(of, name);
    if (!found)
        fail_msg("no %s", name);
    return found;
}

static void assert_text(const cJSON *of, const char *name, const char *wanted)
{
    assert_string_equal(cJSON_GetStringValue(member(of, name)), wanted);
}

static void assert_number(const cJSON *of, const char *name, double wanted)
{
    assert_true(member(of, name)->valuedouble == wanted);
}

static cJSON *describe(const engine_spec_t *s)
{
    cleanup_buf buf_t text = BUF_INIT(DOCKER_SPEC_MAX);
    assert_ok(docker_spec(&text, s, "/run/cloche", "{\"a\":\"\\\"\"}"));
    cJSON *json = cJSON_ParseWithOpts(text.data, NULL, true);
    assert_non_null(json);
    return json;
}

static void the_whole_hardening_is_asked_for(void **state)
{
    (void)state;
    cJSON *json = describe(&spec);
    const cJSON *host = member(json, "HostConfig");
    assert_text(json, "User", "700001:700001");
    assert_text(json, "Image", "cloche-python:current");
    assert_number(host, "Memory", 1152.0 * 1024 * 1024);
    assert_number(host, "MemorySwap", 1152.0 * 1024 * 1024);
    assert_number(host, "PidsLimit", 64);
    assert_true(member(host, "OomScoreAdj")->valueint > 0);
    assert_true(cJSON_IsTrue(member(host, "ReadonlyRootfs")));
    assert_true(cJSON_IsFalse(member(host, "Privileged")));
    assert_true(cJSON_IsFalse(member(host, "AutoRemove")));
    assert_true(cJSON_IsFalse(member(json, "Tty")));
    assert_text(host, "NetworkMode", "none");
    assert_text(host, "IpcMode", "none");
    assert_text(host, "CgroupnsMode", "private");
    assert_text(host, "CgroupParent", "/cloche/cell");
    assert_text(host, "Runtime", "runc");
    assert_text(member(host, "LogConfig"), "Type", "none");
    assert_text(member(host, "Tmpfs"), "/tmp",
                "rw,noexec,nosuid,nodev,mode=1777,size=16m,nr_inodes=4096");
    assert_string_equal(cJSON_GetArrayItem(member(host, "CapDrop"), 0)->valuestring, "ALL");
    const cJSON *options = member(host, "SecurityOpt");
    assert_string_equal(cJSON_GetArrayItem(options, 0)->valuestring, "no-new-privileges");
    assert_string_equal(cJSON_GetArrayItem(options, 1)->valuestring, "seccomp={\"a\":\"\\\"\"}");
    const cJSON *mount = cJSON_GetArrayItem(member(host, "Mounts"), 0);
    assert_true(cJSON_IsTrue(member(mount, "ReadOnly")));
    assert_text(mount, "Source", "/run/a \"quoted\" dir/cell");
    static const char *const limits[] = {"nofile", "fsize", "core", "msgqueue"};
    for (int i = 0; i < (int)COUNT(limits); i++) {
        const cJSON *limit = cJSON_GetArrayItem(member(host, "Ulimits"), i);
        assert_text(limit, "Name", limits[i]);
        assert_true(member(limit, "Soft")->valuedouble == member(limit, "Hard")->valuedouble);
    }
    assert_text(member(json, "Labels"), "cloche.instance", "/run/cloche");
    assert_text(member(json, "Labels"), "cloche.cell", cell);
    cJSON_Delete(json);
}

static void under_gvisor_the_sandbox_stands_in_for_the_profile(void **state)
{
    (void)state;
    engine_spec_t s = spec;
    s.runtime = RUNTIME_GVISOR;
    s.pids = 256;
    cJSON *json = describe(&s);
    const cJSON *host = member(json, "HostConfig");
    assert_text(host, "Runtime", "runsc");
    assert_number(host, "PidsLimit", 256);
    assert_string_equal(cJSON_GetArrayItem(member(host, "SecurityOpt"), 1)->valuestring,
                        "seccomp=unconfined");
    cJSON_Delete(json);
}

static void a_spec_that_does_not_fit_is_not_sent(void **state)
{
    (void)state;
    cleanup_buf buf_t text = BUF_INIT(100);
    assert_int_equal(docker_spec(&text, &spec, "/run/cloche", NULL), -1);
}

static void a_cell_is_made_under_its_own_name(void **state)
{
    (void)state;
    EXPECT(ANSWER("201 Created", "{\"Id\":\"abc\",\"Warnings\":[]}"));
    assert_ok(engine_create(engine, &spec, NULL));
    played();
    assert_contains(fake.requests[0], "POST /v1.41/containers/create?name=cloche-01926f5c-");
    assert_contains(fake.requests[0], "Content-Type: application/json");
    assert_null(strstr(fake.requests[0], "Expect"));
}

static void a_warning_refuses_the_cell(void **state)
{
    (void)state;
    err_t err = {0};
    EXPECT(ANSWER("201 Created", "{\"Id\":\"abc\",\"Warnings\":[\"no swap limit\"]}"));
    assert_fails(engine_create(engine, &spec, &err), err, ERR_INTERNAL);
    played();
    assert_contains(err.msg, "no swap limit");
}

static void what_the_engine_says_is_passed_on(void **state)
{
    (void)state;
    err_t err = {0};
    EXPECT(ANSWER("404 Not Found", "{\"message\":\"No such image: cloche-python:current\"}"));
    assert_fails(engine_create(engine, &spec, &err), err, ERR_NOT_FOUND);
    played();
    assert_contains(err.msg, "No such image");
}

static void a_start_tells_the_process(void **state)
{
    (void)state;
    pid_t pid = 0;
    EXPECT(ANSWER("204 No Content", ""), ANSWER("200 OK", "{\"State\":{\"Pid\":4711}}"));
    assert_ok(engine_start(engine, "cloche-x", &pid, NULL));
    played();
    assert_int_equal(pid, 4711);
}

static void a_cell_that_ended_at_once_has_no_process(void **state)
{
    (void)state;
    err_t err = {0};
    pid_t pid;
    EXPECT(ANSWER("204 No Content", ""), ANSWER("200 OK", "{\"State\":{\"Pid\":0}}"));
    assert_fails(engine_start(engine, "cloche-x", &pid, &err), err, ERR_INTERNAL);
    played();
}

static void what_is_gone_counts_as_removed(void **state)
{
    (void)state;
    err_t err = {0};
    EXPECT(ANSWER("204 No Content", ""), ANSWER("404 Not Found", "{\"message\":\"no\"}"),
           ANSWER("409 Conflict", "{\"message\":\"removal is already in progress\"}"));
    assert_ok(engine_remove(engine, "cloche-x", &err));
    assert_ok(engine_remove(engine, "cloche-x", &err));
    assert_int_equal(engine_remove(engine, "cloche-x", &err), -1);
    played();
    assert_contains(fake.requests[0], "DELETE /v1.41/containers/cloche-x?force=1");
}

static void the_list_takes_only_cells_that_look_like_ours(void **state)
{
    (void)state;
    engine_cell_t *cells = NULL;
    int count = 0;
    EXPECT(ANSWER("200 OK",
                  "[{\"Id\":\"a\",\"Labels\":{\"cloche.cell\":\"01926f5c-7d3e-7a10-8000-"
                  "000000000001\",\"cloche.language\":\"javascript\",\"cloche.runtime\":"
                  "\"gvisor\"}},{\"Id\":\"b\",\"Labels\":{\"cloche.cell\":\"../x\",\"cloche."
                  "language\":\"python\",\"cloche.runtime\":\"docker\"}},{\"Id\":\"c\"},7]"));
    assert_ok(engine_list(engine, &cells, &count, NULL));
    played();
    assert_int_equal(count, 1);
    assert_string_equal(cells[0].cell, cell);
    assert_string_equal(cells[0].instance, "a");
    assert_int_equal(cells[0].language, LANG_JAVASCRIPT);
    assert_int_equal(cells[0].runtime, RUNTIME_GVISOR);
    assert_contains(fake.requests[0], "filters=%7B%22%6C%61%62%65%6C%22");
    free(cells);
}

static void a_ping_tells_the_runtimes(void **state)
{
    (void)state;
    bool runtimes[RUNTIME_COUNT];
    EXPECT(ANSWER("200 OK", "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}"),
           ANSWER("200 OK", "{\"Runtimes\":{\"runc\":{},\"io.containerd.runc.v2\":{}}}"));
    assert_ok(engine_ping(engine, runtimes, NULL));
    played();
    assert_contains(fake.requests[0], "GET /version ");
    assert_contains(fake.requests[1], "GET /v1.41/info ");
    assert_true(runtimes[RUNTIME_DOCKER]);
    assert_false(runtimes[RUNTIME_GVISOR]);
}

// Docker 29 speaks 1.44 and newer.
static void an_engine_that_is_too_new_is_spoken_to_in_its_oldest_version(void **state)
{
    (void)state;
    bool runtimes[RUNTIME_COUNT];
    EXPECT(ANSWER("200 OK", "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}"),
           ANSWER("200 OK", "{\"Runtimes\":{\"runc\":{}}}"), ANSWER("204 No Content", ""));
    assert_ok(engine_ping(engine, runtimes, NULL));
    assert_ok(engine_remove(engine, "cloche-x", NULL));
    played();
    assert_contains(fake.requests[1], "GET /v1.44/info ");
    assert_contains(fake.requests[2], "DELETE /v1.44/containers/cloche-x");
}

static void a_version_that_is_none_changes_nothing(void **state)
{
    (void)state;
    bool runtimes[RUNTIME_COUNT];
    EXPECT(ANSWER("200 OK", "{\"MinAPIVersion\":\"1.44/../x\"}"), ANSWER("200 OK", "{}"));
    assert_ok(engine_ping(engine, runtimes, NULL));
    played();
    assert_contains(fake.requests[1], "GET /v1.41/info ");
}

static void an_engine_that_is_away_is_unavailable(void **state)
{
    (void)state;
    err_t err = {0};
    bool runtimes[RUNTIME_COUNT];
    EXPECT("");
    assert_fails(engine_ping(engine, runtimes, &err), err, ERR_UNAVAILABLE);
    played();
    config_t nowhere = config;
    engine_t *other;
    str_copy(nowhere.docker_host, sizeof nowhere.docker_host, "unix:///nowhere/docker.sock");
    assert_ok(engine_open(&nowhere, NULL, &other, NULL));
    assert_fails(engine_ping(other, runtimes, &err), err, ERR_UNAVAILABLE);
    engine_close(other);
}

static void an_interrupted_engine_does_not_answer(void **state)
{
    (void)state;
    err_t err = {0};
    bool runtimes[RUNTIME_COUNT];
    engine_t *other;
    assert_ok(engine_open(&config, NULL, &other, NULL));
    engine_interrupt(other);
    // Nobody accepts the connection, and yet this returns.
    assert_fails(engine_ping(other, runtimes, &err), err, ERR_UNAVAILABLE);
    engine_close(other);
}

static void only_unix_sockets_are_taken(void **state)
{
    (void)state;
    err_t err = {0};
    engine_t *other;
    config_t remote = config;
    str_copy(remote.docker_host, sizeof remote.docker_host, "tcp://127.0.0.1:2375");
    assert_fails(engine_open(&remote, NULL, &other, &err), err, ERR_INVALID);
}

#define DAEMON_TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_hardening_is_asked_for),
        cmocka_unit_test(under_gvisor_the_sandbox_stands_in_for_the_profile),
        cmocka_unit_test(a_spec_that_does_not_fit_is_not_sent),
        DAEMON_TEST(a_cell_is_made_under_its_own_name),
        DAEMON_TEST(a_warning_refuses_the_cell),
        DAEMON_TEST(what_the_engine_says_is_passed_on),
        DAEMON_TEST(a_start_tells_the_process),
        DAEMON_TEST(a_cell_that_ended_at_once_has_no_process),
        DAEMON_TEST(what_is_gone_counts_as_removed),
        DAEMON_TEST(the_list_takes_only_cells_that_look_like_ours),
        DAEMON_TEST(a_ping_tells_the_runtimes),
        DAEMON_TEST(an_engine_that_is_too_new_is_spoken_to_in_its_oldest_version),
        DAEMON_TEST(a_version_that_is_none_changes_nothing),
        DAEMON_TEST(an_engine_that_is_away_is_unavailable),
        DAEMON_TEST(an_interrupted_engine_does_not_answer),
        DAEMON_TEST(only_unix_sockets_are_taken),
    };
    return RUN_TESTS(tests);
}
