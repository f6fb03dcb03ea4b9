#include "keeper/processors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "support.h"

enum { MS = 1000000, WATCHDOG_MS = 60000 };

static processors_t two_after(int64_t ms, int64_t idle_ms)
{
    processors_t p = {.count = 2};
    processors_note(&p, 5000LL * MS, 70000);
    assert_false(p.busy); // of what is it the difference?
    processors_note(&p, (5000 + ms) * MS, 70000 + idle_ms);
    return p;
}

static void busy_is_what_was_hardly_idle(void **state)
{
    (void)state;
    assert_true(two_after(100, 0).busy);
    assert_true(two_after(100, 20).busy);
    assert_false(two_after(100, 30).busy);
    assert_false(two_after(100, 100).busy); // one of two
    assert_false(two_after(100, 200).busy);
}

static void what_was_long_ago_says_nothing(void **state)
{
    (void)state;
    assert_true(two_after(900, 0).busy);
    assert_false(two_after(1000, 0).busy);
}

static atomic_bool over;

static void *compute(void *context)
{
    while (!over)
        ;
    return context;
}

static void looks_at_this_machine(void **state)
{
    (void)state;
    enum { MANY = 64 };
    pthread_t threads[MANY];
    processors_t p = {.count = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN)};
    int n = (int)p.count < MANY ? (int)p.count : MANY;
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compute, NULL), 0);
    int64_t until = clock_mono_ns() + (int64_t)WATCHDOG_MS * MS;
    while (!p.busy && clock_mono_ns() < until) {
        processors_look(&p, clock_mono_ns());
        usleep(1000);
    }
    over = true;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    assert_true(p.busy);
    // A look right after the last is none.
    int64_t then = p.since_ns;
    processors_look(&p, then + 99 * MS);
    assert_int_equal(p.since_ns, then);
    processors_look(&p, then + 100 * MS);
    assert_int_equal(p.since_ns, then + 100 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_is_what_was_hardly_idle),
        cmocka_unit_test(what_was_long_ago_says_nothing),
        cmocka_unit_test(looks_at_this_machine),
    };
    return RUN_TESTS(tests);
}
