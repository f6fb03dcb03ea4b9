#include "keeper/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "support.h"

enum { ALARMS = 500 };

typedef struct {
    loop_t *loop;
    int64_t last_ns;
    int rung, wanted;
} bell_t;

static void on_alarm(alarm_t *a)
{
    bell_t *bell = a->owner;
    assert_true(a->due_ns >= bell->last_ns);
    assert_true(clock_mono_ns() >= a->due_ns);
    bell->last_ns = a->due_ns;
    if (++bell->rung == bell->wanted)
        loop_stop(bell->loop);
}

static void alarms_ring_in_order_whatever_is_moved_or_taken_out(void **state)
{
    (void)state;
    static alarm_t alarms[ALARMS];
    bell_t bell = {.wanted = 0};
    uint32_t seed = 7;
    assert_ok(loop_open(&bell.loop, NULL));
    int64_t now = clock_mono_ns();
    for (int i = 0; i < ALARMS; i++) {
        alarms[i] = (alarm_t){.fn = on_alarm, .owner = &bell};
        loop_arm(bell.loop, &alarms[i], now + (int64_t)(test_random(&seed) % 20000) * 1000);
    }
    for (int i = 0; i < ALARMS; i++) {
        uint32_t what = test_random(&seed) % 3;
        if (what == 0)
            loop_disarm(bell.loop, &alarms[i]);
        else if (what == 1)
            loop_arm(bell.loop, &alarms[i], now + (int64_t)(test_random(&seed) % 20000) * 1000);
    }
    for (int i = 0; i < ALARMS; i++)
        bell.wanted += alarms[i].on;
    assert_ok(loop_run(bell.loop, NULL));
    assert_int_equal(bell.rung, bell.wanted);
    for (int i = 0; i < ALARMS; i++)
        assert_false(alarms[i].on);
    loop_close(bell.loop);
}

static void on_again(alarm_t *a)
{
    bell_t *bell = a->owner;
    if (++bell->rung == 3)
        loop_stop(bell->loop);
    else
        loop_arm(bell->loop, a, clock_mono_ns() + 1000000);
}

static void a_handler_may_arm_its_own_alarm(void **state)
{
    (void)state;
    bell_t bell = {0};
    alarm_t a = {.fn = on_again, .owner = &bell};
    assert_ok(loop_open(&bell.loop, NULL));
    loop_arm(bell.loop, &a, 0);
    assert_ok(loop_run(bell.loop, NULL));
    assert_int_equal(bell.rung, 3);
    loop_close(bell.loop);
}

typedef struct {
    bell_t bell;
    watch_t one, two;
} pair_t;

// Takes the other watch away although its event has come too.
static void on_either(watch_t *w, uint32_t events)
{
    pair_t *p = w->owner;
    assert_true(events & EPOLLIN);
    loop_unwatch(p->bell.loop, &p->one);
    loop_unwatch(p->bell.loop, &p->two);
    p->bell.rung++;
}

static void on_end(alarm_t *a)
{
    pair_t *p = a->owner;
    loop_stop(p->bell.loop);
}

static void what_a_handler_stops_watching_has_no_event_left(void **state)
{
    (void)state;
    pair_t p = {0};
    alarm_t end = {.fn = on_end, .owner = &p};
    assert_ok(loop_open(&p.bell.loop, NULL));
    p.one = (watch_t){.fn = on_either, .owner = &p, .fd = eventfd(1, EFD_CLOEXEC)};
    p.two = (watch_t){.fn = on_either, .owner = &p, .fd = eventfd(1, EFD_CLOEXEC)};
    assert_ok(loop_watch(p.bell.loop, &p.one, EPOLLIN, NULL));
    assert_ok(loop_watch(p.bell.loop, &p.two, EPOLLIN, NULL));
    loop_arm(p.bell.loop, &end, clock_mono_ns() + 20000000);
    assert_ok(loop_run(p.bell.loop, NULL));
    assert_int_equal(p.bell.rung, 1);
    close(p.one.fd);
    close(p.two.fd);
    loop_close(p.bell.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_ring_in_order_whatever_is_moved_or_taken_out),
        cmocka_unit_test(a_handler_may_arm_its_own_alarm),
        cmocka_unit_test(what_a_handler_stops_watching_has_no_event_left),
    };
    return RUN_TESTS(tests);
}
