// A keeper that plays a script in a process of its own: a restart shows in the process id.
#ifndef CLOCHE_TESTS_UNIT_FAKE_KEEPER_H
#define CLOCHE_TESTS_UNIT_FAKE_KEEPER_H

#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "core/lease.h"
#include "support.h"

static const char cell_id[] = "01926f5c-7d3e-7a10-8000-000000000001";

static char directory[] = "/tmp/cloche-keeper-XXXXXX";
static char socket_path[64];

enum { SCRIPT_S = 20 };

static inline void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "keeper: %s\n", what);
    _exit(1);
}

static inline int keeper_listen(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, socket_path);
    unlink(socket_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0,
         "listen");
    return fd;
}

static inline int keeper_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    must(fd >= 0, "accept");
    return fd;
}

static inline lease_msg_t keeper_expect(int fd, lease_type_t type)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    lease_msg_t msg;
    int fds[LEASE_FDS];
    must(poll(&p, 1, SCRIPT_S * 1000) == 1, "poll");
    must(lease_recv(fd, &msg, fds, NULL) == 1, "the client is gone");
    must(msg.type == type, "another message was expected");
    return msg;
}

static inline void keeper_expect_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    lease_msg_t msg;
    int fds[LEASE_FDS];
    must(poll(&p, 1, SCRIPT_S * 1000) == 1, "poll");
    must(lease_recv(fd, &msg, fds, NULL) == -1, "the client is still there");
}

static inline void keeper_say(int fd, lease_msg_t msg)
{
    msg.version = LEASE_VERSION;
    must(lease_send(fd, &msg, NULL, 0, NULL) == 0, "send");
}

// Grants a cell whose streams say "c", "o" and "e".
static inline void keeper_grant(int fd)
{
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_GRANT};
    str_copy(msg.grant.cell, sizeof msg.grant.cell, cell_id);
    msg.grant.start = START_WARM;
    msg.grant.deadline_ns = 123456789;
    int theirs[LEASE_FDS];
    for (int i = 0; i < LEASE_FDS; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
        must(write(pair[0], &"coe"[i], 1) == 1, "write");
        theirs[i] = pair[1];
        close(pair[0]);
    }
    must(lease_send(fd, &msg, theirs, LEASE_FDS, NULL) == 0, "send");
    for (int i = 0; i < LEASE_FDS; i++)
        close(theirs[i]);
}

typedef struct {
    pid_t pid;
    int alive; // end of file once the process is gone
} keeper_t;

// Starts a keeper; with `after`, it comes up once that one is gone. Without, it listens on return.
static inline keeper_t keeper_start(void (*script)(int listener), const keeper_t *after)
{
    int alive[2], ready[2];
    assert_int_equal(pipe(alive), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c;
        alarm(SCRIPT_S);
        close(alive[0]);
        close(ready[0]);
        must(!after || read(after->alive, &c, 1) == 0, "waiting for the one before");
        int listener = keeper_listen();
        must(after || write(ready[1], "r", 1) == 1, "ready");
        close(ready[1]);
        script(listener);
        _exit(0);
    }
    close(alive[1]);
    close(ready[1]);
    char c;
    if (!after)
        assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return (keeper_t){pid, alive[0]};
}

// Waits for the end of the script, and expects that all went as it says.
static inline void keeper_join(keeper_t *k)
{
    int status = 0;
    assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
    close(k->alive);
    unlink(socket_path);
    assert_int_equal(status, 0);
}

#endif
