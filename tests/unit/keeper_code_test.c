// The code that the keeper holds: which revision, in what file, and how much of it.
#include "keeper/code.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "core/frame.h"
#include "support.h"

enum { ALL_SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, ENTRIES = 256 };

static lease_request_t request(int function, int64_t revision)
{
    lease_request_t want = {
        .revision = revision, .memory_mb = 128, .cpu_millis = 500, .disk_mb = 16};
    snprintf(want.function_id, sizeof want.function_id, "01926f5c-7d3e-7a10-8000-%012d", function);
    return want;
}

static int file(off_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static code_t *use(codes_t *all, int function, int64_t revision)
{
    lease_request_t want = request(function, revision);
    return codes_use(all, &want);
}

static code_t *find(codes_t *all, int function)
{
    return codes_find(all, request(function, 0).function_id, RUNTIME_DOCKER);
}

static void store(codes_t *all, code_t *code, off_t size)
{
    assert_ok(codes_store(all, code, file(size, ALL_SEALS), NULL));
}

static void only_sealed_files_of_a_size_in_bounds_are_taken(void **state)
{
    (void)state;
    codes_t all;
    err_t err;
    codes_open(&all, FRAME_INIT_MAX);
    code_t *code = use(&all, 1, 1);
    int refused[] = {
        -1,
        open("/proc/self/exe", O_RDONLY | O_CLOEXEC), // has no seals
        file(100, 0),
        file(100, ALL_SEALS & ~F_SEAL_WRITE),
        file(100, ALL_SEALS & ~F_SEAL_SHRINK),
        file(100, ALL_SEALS & ~F_SEAL_GROW),
        file(100, ALL_SEALS & ~F_SEAL_SEAL),
        file(0, ALL_SEALS),
        file(FRAME_HEADER, ALL_SEALS),
        file(FRAME_INIT_MAX + 1, ALL_SEALS),
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (codes_store(&all, code, refused[i], &err) == 0)
            fail_msg("file %zu was taken", i);
        assert_int_equal(err.code, ERR_PROTOCOL);
        assert_int_equal(fcntl(refused[i], F_GETFD), -1); // it was closed
        assert_int_equal(code->fd, -1);
    }
    store(&all, code, FRAME_HEADER + 1);
    store(&all, code, FRAME_INIT_MAX);
    assert_int_equal(all.bytes, FRAME_INIT_MAX);
    codes_free(&all);
    assert_int_equal(all.bytes, 0);
}

static void a_newer_revision_takes_the_place_of_an_older(void **state)
{
    (void)state;
    codes_t all;
    codes_open(&all, FRAME_INIT_MAX);
    code_t *code = use(&all, 1, 5);
    heat_called(&code->heat, 1);
    store(&all, code, 100);
    code->script = true;
    code->failures = 3;
    assert_ptr_equal(use(&all, 1, 5), code);
    assert_int_equal(code->size, 100);
    assert_null(use(&all, 1, 4));
    assert_int_equal(code->size, 100);
    assert_ptr_equal(use(&all, 1, 6), code);
    assert_int_equal(code->want.revision, 6);
    assert_int_equal(code->fd, -1);
    assert_int_equal(all.bytes, 0);
    assert_false(code->script);
    assert_int_equal(code->failures, 0);
    assert_true(code->heat.calls > 0); // as many call it as before
    codes_free(&all);
}

static void each_runtime_has_its_own(void **state)
{
    (void)state;
    codes_t all;
    codes_open(&all, FRAME_INIT_MAX);
    lease_request_t want = request(1, 1);
    code_t *docker = codes_use(&all, &want);
    want.runtime = RUNTIME_GVISOR;
    code_t *gvisor = codes_use(&all, &want);
    assert_ptr_not_equal(docker, gvisor);
    assert_ptr_equal(codes_find(&all, want.function_id, RUNTIME_DOCKER), docker);
    assert_ptr_equal(codes_find(&all, want.function_id, RUNTIME_GVISOR), gvisor);
    codes_remove(&all, docker);
    assert_null(codes_find(&all, want.function_id, RUNTIME_DOCKER));
    codes_free(&all);
}

static void what_is_unused_for_longest_is_let_go(void **state)
{
    (void)state;
    codes_t all;
    codes_open(&all, 300);
    for (int i = 1; i <= 3; i++)
        store(&all, use(&all, i, 1), 100);
    use(&all, 1, 1);
    find(&all, 2)->failures = 2;
    store(&all, use(&all, 4, 1), 100);
    assert_int_equal(find(&all, 2)->fd, -1);
    assert_int_equal(find(&all, 2)->failures, 2); // that it does not load is still known
    assert_true(find(&all, 1)->fd >= 0 && find(&all, 3)->fd >= 0 && find(&all, 4)->fd >= 0);
    assert_int_equal(all.bytes, 300);
    // Its own place is never made with the code itself.
    store(&all, find(&all, 3), 300);
    assert_int_equal(all.bytes, 300);
    assert_true(find(&all, 3)->fd >= 0);
    codes_free(&all);
}

static void their_number_is_bounded(void **state)
{
    (void)state;
    codes_t all;
    codes_open(&all, FRAME_INIT_MAX);
    for (int i = 1; i <= ENTRIES; i++)
        use(&all, i, 1);
    use(&all, 1, 1);
    use(&all, ENTRIES + 1, 1);
    assert_int_equal(HASH_COUNT(all.by_key), ENTRIES);
    assert_non_null(find(&all, 1));
    assert_null(find(&all, 2));
    codes_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_sealed_files_of_a_size_in_bounds_are_taken),
        cmocka_unit_test(a_newer_revision_takes_the_place_of_an_older),
        cmocka_unit_test(each_runtime_has_its_own),
        cmocka_unit_test(what_is_unused_for_longest_is_let_go),
        cmocka_unit_test(their_number_is_bounded),
    };
    return cmocka_run_group_tests_name("code", tests, NULL, NULL);
}
