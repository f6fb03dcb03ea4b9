#include "base/manager.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "keeper/heartbeat.h"
#include "support.h"

// A datagram socket as a service manager has it; `name` begins with '@' for an abstract one.
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    assert_true(len < sizeof address.sun_path);
    memcpy(address.sun_path, name, len);
    if (*name == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_hears(int fd, const char *wanted)
{
    char text[64] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_int_equal(n, (int)strlen(wanted));
    assert_string_equal(text, wanted);
}

static int forget(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void tells_a_manager_by_path_and_by_abstract_name(void **state)
{
    (void)state;
    char name[64], folder[] = "/tmp/cloche-manager-XXXXXX";
    snprintf(name, sizeof name, "@cloche-manager-%d", getpid());
    cleanup_close int abstract = listen_at(name);
    assert_ok(manager_tell(MANAGER_READY, NULL));
    assert_hears(abstract, "READY=1");

    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/notify", folder);
    cleanup_close int path = listen_at(name);
    assert_ok(manager_tell(MANAGER_ALIVE, NULL));
    assert_hears(path, "WATCHDOG=1");
    unlink(name);
    rmdir(folder);
}

static void is_silent_where_nobody_listens(void **state)
{
    (void)state;
    assert_ok(manager_tell(MANAGER_READY, NULL));
    setenv("NOTIFY_SOCKET", "", 1);
    assert_ok(manager_tell(MANAGER_READY, NULL));
}

static void says_when_the_manager_is_gone(void **state)
{
    (void)state;
    err_t err;
    setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
    assert_fails(manager_tell(MANAGER_READY, &err), err, ERR_INTERNAL);
    assert_contains(err.msg, "READY=1");
}

static void a_heartbeat_is_due_twice_in_the_time_given(void **state)
{
    (void)state;
    char pid[16];
    assert_int_equal(manager_interval_ns(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(manager_interval_ns(), 15000000000);
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(manager_interval_ns(), 15000000000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(manager_interval_ns(), 0);
    unsetenv("WATCHDOG_PID");
    for (int i = 0; i < 3; i++) {
        setenv("WATCHDOG_USEC", ((const char *[]){"0", "soon", "99999999999999999999"})[i], 1);
        assert_int_equal(manager_interval_ns(), 0);
    }
}

enum { BEATS = 3 };

typedef struct {
    loop_t *loop;
    int left;
} ear_t;

static void on_beat(watch_t *w, uint32_t events)
{
    ear_t *ear = w->owner;
    (void)events;
    assert_hears(w->fd, "WATCHDOG=1");
    if (--ear->left == 0)
        loop_stop(ear->loop);
}

static void the_loop_beats_as_long_as_it_turns(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@cloche-heart-%d", getpid());
    cleanup_close int fd = listen_at(name);
    setenv("WATCHDOG_USEC", "20000", 1);
    ear_t ear = {.left = BEATS};
    heartbeat_t heartbeat;
    watch_t watch = {.fn = on_beat, .owner = &ear, .fd = fd};
    assert_ok(loop_open(&ear.loop, NULL));
    assert_ok(loop_watch(ear.loop, &watch, EPOLLIN, NULL));
    int64_t began = clock_mono_ns();
    heartbeat_start(&heartbeat, ear.loop);
    assert_ok(loop_run(ear.loop, NULL));
    assert_true(clock_mono_ns() - began >= (BEATS - 1) * 10000000);
    loop_close(ear.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tells_a_manager_by_path_and_by_abstract_name, forget),
        cmocka_unit_test_teardown(is_silent_where_nobody_listens, forget),
        cmocka_unit_test_teardown(says_when_the_manager_is_gone, forget),
        cmocka_unit_test_teardown(a_heartbeat_is_due_twice_in_the_time_given, forget),
        cmocka_unit_test_teardown(the_loop_beats_as_long_as_it_turns, forget),
    };
    return RUN_TESTS(tests);
}
