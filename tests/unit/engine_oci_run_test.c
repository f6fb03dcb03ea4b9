// Starting an OCI runtime: what it is given, what it may say, and the copy of it that is started.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/oci_bundle.h"
#include "engine/oci_run.h"
#include "support.h"

static int run(const char *script, int timeout_ms, int interrupt, char said[OCI_SAID], err_t *err)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    oci_run_t r = {.argv = argv, .program = -1, .timeout_ms = timeout_ms, .interrupt = interrupt};
    return oci_run(&r, said, err);
}

static void the_last_words_of_a_program_are_told(void **state)
{
    (void)state;
    char said[OCI_SAID];
    assert_ok(run("echo one; echo two >&2; exit 3", 5000, -1, said, NULL));
    assert_string_equal(said, "one two");
    assert_ok(run("kill -9 $$", 5000, -1, said, NULL));
    assert_string_equal(said, "");
    err_t err;
    const char *const nothing[] = {"no-such-program", NULL};
    oci_run_t none = {.argv = nothing, .program = -1, .timeout_ms = 1000, .interrupt = -1};
    assert_fails(oci_run(&none, said, &err), err, ERR_UNAVAILABLE);
}

// The name by which crun and runc know that nobody can write to them.
static void a_sealed_program_runs_and_cannot_be_changed(void **state)
{
    (void)state;
    char said[OCI_SAID];
    err_t err;
    cleanup_close int sealed = -1;
    assert_ok(oci_seal("readlink", &sealed, NULL));
    assert_int_equal(write(sealed, "x", 1), -1);
    const char *const argv[] = {"readlink", "/proc/self/exe", NULL};
    oci_run_t r = {.argv = argv, .program = sealed, .timeout_ms = 5000, .interrupt = -1};
    assert_ok(oci_run(&r, said, NULL));
    assert_string_equal(said, "/memfd:readlink (deleted)");
    assert_fails(oci_seal("no-such-program", &sealed, &err), err, ERR_UNAVAILABLE);
    // Somebody's runsc may be one; what runs it would look for it in vain.
    assert_fails(oci_seal("ldd", &sealed, &err), err, ERR_INVALID);
}

// What `then` returns in a process for which memory is executed as vm.memfd_noexec says: the setting belongs to a
// process id namespace. 0 before Linux 6.3, which has none.
static int with_noexec(const char *level, int (*then)(void))
{
    cleanup_close int setting = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
    int status;
    if (setting < 0) {
        assert_int_equal(errno, ENOENT);
        return 0;
    }
    pid_t outer = fork();
    if (outer == 0) {
        pid_t inner = unshare(CLONE_NEWPID) < 0 ? -1 : fork();
        if (inner == 0)
            _exit(write(setting, level, 1) == 1 ? then() : 100);
        _exit(waitpid(inner, &status, 0) == inner && WIFEXITED(status) ? WEXITSTATUS(status) : 101);
    }
    assert_int_equal(waitpid(outer, &status, 0), outer);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_sealed(void)
{
    char said[OCI_SAID];
    int sealed = -1;
    const char *const argv[] = {"echo", "runs", NULL};
    if (oci_seal("echo", &sealed, NULL) < 0)
        return 1;
    oci_run_t r = {.argv = argv, .program = sealed, .timeout_ms = 5000, .interrupt = -1};
    return oci_run(&r, said, NULL) < 0 || strcmp(said, "runs") != 0 ? 2 : 0;
}

static void a_sealed_program_runs_where_that_is_to_be_asked_for(void **state)
{
    (void)state;
    assert_int_equal(with_noexec("1", run_sealed), 0);
}

static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[],"
                              "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"},"
                              "{\"architecture\":\"SCMP_ARCH_AARCH64\"}]}";

// What is missing is said by the try that makes a cell, so there was one.
static int try_runtimes(void)
{
    static config_t config = {.engine = "oci", .cgroup = "cloche-unit", .home = "/nonexistent"};
    char base[] = "/tmp/cloche-oci-XXXXXX", said[OCI_SAID];
    bool runtimes[RUNTIME_COUNT];
    engine_t *engine = NULL;
    int sealed = -1;
    err_t err;
    if (oci_seal("echo", &sealed, NULL) == 0)
        return 1;
    if (run("echo runs", 5000, -1, said, NULL) < 0 || strcmp(said, "runs") != 0)
        return 2;
    if (!mkdtemp(base) || !str_copy(config.run, sizeof config.run, base) ||
        engine_open(&config, profile, &engine, NULL) < 0)
        return 3;
    int found = engine_ping(engine, runtimes, &err);
    engine_close(engine);
    if (bundle_remove(base, NULL) < 0)
        return 4;
    return found == 0 || !strstr(err.msg, "no unpacked image") ? 5 : 0;
}

static void a_runtime_does_without_a_copy_where_there_can_be_none(void **state)
{
    (void)state;
    assert_int_equal(with_noexec("2", try_runtimes), 0);
}

enum { HUGE_PAGE = 2 << 20 };

typedef struct {
    char *room, *at; // the file is at `at`, where a huge page may begin
    size_t size;
} mapping_t;

static mapping_t map_file(int fd, off_t offset, size_t size)
{
    mapping_t m = {.size = size + HUGE_PAGE};
    m.room = mmap(NULL, m.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(m.room != MAP_FAILED);
    m.at = m.room + (-(uintptr_t)m.room & (HUGE_PAGE - 1));
    assert_true(mmap(m.at, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset) == m.at);
    return m;
}

// Of what is mapped of the file at its third huge page, once it has been touched.
static long huge_kb(int fd)
{
    mapping_t m = map_file(fd, 2 * HUGE_PAGE, HUGE_PAGE);
    (void)*(volatile char *)m.at;
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512], start[32];
    long kb = -1;
    bool here = false;
    snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)m.at);
    while (kb < 0 && fgets(line, sizeof line, maps)) {
        here = here || strncmp(line, start, strlen(start)) == 0;
        if (here)
            sscanf(line, "ShmemPmdMapped: %ld kB", &kb);
    }
    fclose(maps);
    munmap(m.room, m.size);
    return kb;
}

// Found out with a file of our own.
static bool kernel_collapses(void)
{
    static char content[3 * HUGE_PAGE] = {1};
    cleanup_close int fd = memfd_create("six", MFD_CLOEXEC);
    assert_int_equal(write(fd, content, sizeof content), sizeof content);
    mapping_t m = map_file(fd, 0, sizeof content);
    bool moved = madvise(m.at, sizeof content, 25) == 0; // MADV_COLLAPSE, which glibc 2.36 lacks
    munmap(m.room, m.size);
    return moved && huge_kb(fd) > 0;
}

// A program of 24 MB that is started six times for a cell.
static void a_large_sealed_program_is_in_huge_pages(void **state)
{
    (void)state;
    char said[OCI_SAID];
    cleanup_close int sealed = -1;
    assert_ok(oci_seal("runsc", &sealed, NULL));
    const char *const argv[] = {"runsc", "--version", NULL};
    oci_run_t r = {.argv = argv, .program = sealed, .timeout_ms = 20000, .interrupt = -1};
    assert_ok(oci_run(&r, said, NULL));
    assert_non_null(strstr(said, "runsc version"));
    assert_int_equal(huge_kb(sealed), kernel_collapses() ? 2048 : 0);
}

static void what_it_says_is_bounded(void **state)
{
    (void)state;
    char said[OCI_SAID];
    assert_ok(
        run("i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done 2>/dev/null; exit 1",
            20000, -1, said, NULL));
    assert_true(strlen(said) == OCI_SAID - 1);
}

static void it_is_given_none_of_our_place(void **state)
{
    (void)state;
    char said[OCI_SAID];
    assert_int_equal(run("cat /proc/self/oom_score_adj; ls /proc/self/fd | wc -l; umask; "
                         "grep SigBlk /proc/self/status | tr -d '\\t'",
                         5000, -1, said, NULL),
                     0);
    assert_string_equal(said, "0 4 0022 SigBlk:0000000000000000");
}

static void it_does_not_run_for_ever(void **state)
{
    (void)state;
    char said[OCI_SAID];
    err_t err;
    int64_t began = clock_mono_ms();
    assert_fails(run("sleep 20", 100, -1, said, &err), err, ERR_TIMEOUT);
    cleanup_close int interrupt = eventfd(1, EFD_CLOEXEC);
    assert_fails(run("sleep 20", 20000, interrupt, said, &err), err, ERR_UNAVAILABLE);
    assert_true(clock_mono_ms() - began < 10000);
}

static bool child_is_left(void)
{
    return waitpid(-1, NULL, WNOHANG) >= 0;
}

// Last, since it is for the rest of the program's life.
static void what_it_leaves_is_ours_and_goes_by_itself(void **state)
{
    (void)state;
    char said[OCI_SAID];
    oci_adopt();
    int64_t began = clock_mono_ms();
    assert_ok(run("sleep 0.3 & exit 0", 5000, -1, said, NULL));
    assert_true(child_is_left());
    while (child_is_left())
        assert_true(clock_mono_ms() - began < 10000);
    assert_true(clock_mono_ms() - began >= 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_words_of_a_program_are_told),
        cmocka_unit_test(a_sealed_program_runs_and_cannot_be_changed),
        cmocka_unit_test(a_sealed_program_runs_where_that_is_to_be_asked_for),
        cmocka_unit_test(a_runtime_does_without_a_copy_where_there_can_be_none),
        cmocka_unit_test(a_large_sealed_program_is_in_huge_pages),
        cmocka_unit_test(what_it_says_is_bounded),
        cmocka_unit_test(it_is_given_none_of_our_place),
        cmocka_unit_test(it_does_not_run_for_ever),
        cmocka_unit_test(what_it_leaves_is_ours_and_goes_by_itself),
    };
    return RUN_TESTS(tests);
}
