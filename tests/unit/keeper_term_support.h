// Two callers of one function at a time, whose leases have terms.
#ifndef CLOCHE_TESTS_UNIT_KEEPER_TERM_SUPPORT_H
#define CLOCHE_TESTS_UNIT_KEEPER_TERM_SUPPORT_H

#include "keeper_support.h"

enum {
    TERM_MS = 20,
    TERM_CALLS = 1000, // at most
    TRIES = 40,        // a busy machine makes short calls long
    SHORT_CALLS = 4,   // before each
    TIMEOUT_MS = 200,  // of calls that are to be killed
    LATE_MS = 60,      // and are, at least once in all tries
    MANY_REQUESTS = 100 * TERM_CALLS,
    WORKED_US = 700000
};

static const char other_function[] = "01926f5c-7d3e-7a10-8000-000000000002";

static inline lease_msg_t kept_request(void)
{
    lease_msg_t msg = request();
    msg.lease.isolation = ISOLATION_FUNCTION;
    return msg;
}

static inline void take_file(int *fd, const char *name)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    assert_true(*fd >= 0);
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_contains(target, name);
    fd_close(fd);
}

// Whether a TERM came right behind the GRANT: what is asked for now is answered after it.
static inline bool take_term(int worker, lease_term_t *term)
{
    lease_msg_t msg = {.type = MSG_STATUS};
    int fds[LEASE_FDS];
    tell(worker, &msg);
    int type = hear_within(worker, &msg, fds, WAIT_MS);
    if (type == MSG_COUNTS)
        return false;
    assert_int_equal(type, MSG_TERM);
    *term = msg.term;
    take_file(&fds[0], "memfd:cpu");
    take_file(&fds[1], "memfd:peak");
    assert_int_equal(fds[2], -1);
    expect(worker, MSG_COUNTS, &msg, NULL);
    return true;
}

// Ends a lease of so many calls; the cell may serve again.
static inline lease_usage_t bring_back(int worker, held_t *held, uint32_t calls,
                                       int64_t cpu_before_us, int64_t peak_before)
{
    lease_msg_t msg = {.type = MSG_RELEASE,
                       .release = {.reusable = 1,
                                   .calls = calls,
                                   .cpu_before_us = cpu_before_us,
                                   .peak_before = peak_before}};
    str_copy(msg.release.cell, ID_TEXT, held->grant.cell);
    tell(worker, &msg);
    expect(worker, MSG_USAGE, &msg, NULL);
    drop_sockets(held);
    return msg.usage;
}

// What the meter says; the next look, whoever takes it, finds FAKE_CPU_US more.
static inline int64_t look(void)
{
    meter_reading_t now;
    assert_ok(meter_read(NULL, &now, NULL));
    return now.cpu_us;
}

// ---- two callers of one function

typedef struct {
    int first, second;
    lease_msg_t wanted; // what the second asks for
    held_t one, two;    // their leases
    lease_term_t term;  // of the second's
    int64_t asked_ns;   // when it was asked for
    int64_t looked_us;  // what the last look of before found
    int64_t late_ms;    // how much too late it was killed
} pair_t;

static inline pair_t begin_pair(void)
{
    int first = begin();
    return (pair_t){.first = first, .second = connect_worker(), .wanted = kept_request()};
}

static inline void call_shortly(int worker)
{
    lease_msg_t wanted = kept_request();
    for (int i = 0; i < SHORT_CALLS; i++) {
        held_t held = lease(worker, &wanted);
        give_back(worker, &held);
    }
}

// Both call, the second one for what is wanted and in a new cell. Whether it is offered a term.
static inline bool pair_up(pair_t *p, const lease_msg_t *wanted)
{
    lease_msg_t plain = kept_request();
    p->one = lease(p->first, &plain);
    p->looked_us = look();
    p->asked_ns = clock_mono_ns();
    p->two = lease(p->second, wanted);
    assert_int_not_equal(p->two.grant.start, START_WARM);
    return take_term(p->second, &p->term);
}

static inline void part_pair(pair_t *p)
{
    give_back(p->first, &p->one);
    release(p->second, &p->two, false);
}

static inline void end_pair(pair_t *p)
{
    close(p->second);
    end(p->first);
}

static inline void end_shared(pair_t *p)
{
    part_pair(p);
    end_pair(p);
}

// The same, and it is.
static inline void share(pair_t *p)
{
    for (int i = 0; i < TRIES; i++) {
        call_shortly(p->first);
        if (pair_up(p, &p->wanted))
            return;
        part_pair(p);
    }
    fail_msg("no term was offered");
}

#endif
