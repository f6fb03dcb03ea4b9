// What several unit tests share.
#ifndef CLOCHE_TESTS_UNIT_SUPPORT_H
#define CLOCHE_TESTS_UNIT_SUPPORT_H

// cmocka.h wants the first four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// Whatever a test waits for, it does not wait longer: SIGALRM ends the program.
enum { WATCHDOG_S = 30 };

#define RUN_TESTS(tests) (alarm(WATCHDOG_S), cmocka_run_group_tests((tests), NULL, NULL))

#define assert_contains(text, part)                          \
    do {                                                     \
        if (!strstr((text), (part)))                         \
            fail_msg("no \"%s\" in \"%s\"", (part), (text)); \
    } while (0)

#define assert_ok(call) assert_true((call) >= 0)

// Expects -1, and the code in `err`.
#define assert_fails(call, err, wanted)              \
    do {                                             \
        assert_int_equal((call), -1);                \
        assert_int_equal((err).code, (int)(wanted)); \
    } while (0)

// The same numbers in every run.
static inline uint32_t test_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static inline void test_socketpair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

// A stream socket that takes at least `bytes` before anybody reads.
static inline void test_send_room(int fd, int bytes)
{
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}

#endif
