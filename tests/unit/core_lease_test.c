#include "core/lease.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "support.h"

typedef struct {
    int worker, keeper;
} pair_t;

static pair_t open_pair(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    return (pair_t){fds[0], fds[1]};
}

static void close_pair(pair_t *p)
{
    fd_close(&p->worker);
    fd_close(&p->keeper);
}

#define cleanup_pair __attribute__((cleanup(close_pair)))

static int open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

// Sends `len` bytes with `count` copies of one descriptor, whatever lease_send would allow.
static void send_raw(int fd, const void *bytes, size_t len, int count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        size_t size = (size_t)count * sizeof(int);
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(size);
        for (int i = 0; i < count; i++)
            ((int *)(void *)CMSG_DATA(c))[i] = fd;
    }
    assert_int_equal(sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static void every_message_arrives_as_it_was_sent(void **state)
{
    (void)state;
#define X(name, number, direction) name,
    static const lease_type_t types[] = {LEASE_MESSAGES(X)};
#undef X
    cleanup_pair pair_t p = open_pair();
    for (size_t i = 0; i < COUNT(types); i++) {
        lease_msg_t sent, got;
        int fds[LEASE_FDS];
        memset(&sent, 0, sizeof sent);
        sent.version = LEASE_VERSION;
        sent.type = (uint8_t)types[i];
        sent.lease.revision = 1234567890123;
        assert_int_equal(lease_send(p.worker, &sent, NULL, 0, NULL), 0);
        assert_int_equal(lease_recv(p.keeper, &got, fds, NULL), 1);
        assert_memory_equal(&sent, &got, sizeof got);
        for (int j = 0; j < LEASE_FDS; j++)
            assert_int_equal(fds[j], -1);
    }
}

static void descriptors_arrive_in_order_non_blocking_and_close_on_exec(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    int before = open_fds();
    int ours[LEASE_FDS][2], sent[LEASE_FDS], got[LEASE_FDS];
    for (int i = 0; i < LEASE_FDS; i++) {
        assert_int_equal(pipe(ours[i]), 0);
        sent[i] = ours[i][1];
    }
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_GRANT};
    assert_int_equal(lease_send(p.keeper, &msg, sent, LEASE_FDS, NULL), 0);
    assert_int_equal(lease_recv(p.worker, &msg, got, NULL), 1);
    for (int i = 0; i < LEASE_FDS; i++) {
        char c = (char)('a' + i), back = 0;
        assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(got[i], &c, 1), 1);
        assert_int_equal(read(ours[i][0], &back, 1), 1);
        assert_int_equal(back, c);
        close(got[i]);
        close(ours[i][0]);
        close(ours[i][1]); // sending has not closed it
    }
    assert_int_equal(open_fds(), before);
}

static void extra_descriptors_are_closed(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_GRANT};
    for (int count = 0; count <= 40; count++) {
        int before = open_fds(), got[LEASE_FDS];
        send_raw(p.keeper, &msg, sizeof msg, count);
        // More than the receiver has room for is a malformed message.
        assert_int_equal(lease_recv(p.worker, &msg, got, NULL), count <= 2 * LEASE_FDS ? 1 : -1);
        int kept = 0;
        for (int i = 0; i < LEASE_FDS; i++)
            kept += got[i] >= 0;
        assert_int_equal(kept, count > 2 * LEASE_FDS ? 0 : count < LEASE_FDS ? count : LEASE_FDS);
        assert_int_equal(open_fds(), before + kept);
        for (int i = 0; i < LEASE_FDS; i++)
            fd_close(&got[i]);
    }
}

static void a_wrong_size_or_version_is_refused_and_leaks_nothing(void **state)
{
    (void)state;
    static const struct {
        int size_off, version;
    } cases[] = {{-1, LEASE_VERSION},
                 {1, LEASE_VERSION},
                 {200, LEASE_VERSION},
                 {0, 0},
                 {0, LEASE_VERSION + 1},
                 {0, 255},
                 {1 - (int)sizeof(lease_msg_t), LEASE_VERSION}};
    cleanup_pair pair_t p = open_pair();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char bytes[sizeof(lease_msg_t) + 200] = {(char)cases[i].version, MSG_CANCEL};
        int before = open_fds(), got[LEASE_FDS];
        lease_msg_t msg;
        err_t err = {0};
        send_raw(p.worker, bytes, (size_t)((int)sizeof msg + cases[i].size_off), LEASE_FDS);
        assert_fails(lease_recv(p.keeper, &msg, got, &err), err, ERR_PROTOCOL);
        assert_int_equal(got[0], -1);
        assert_int_equal(open_fds(), before);
    }
}

static void an_empty_packet_is_an_end_and_leaks_nothing(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    for (int count = 0; count <= 2 * LEASE_FDS; count++) {
        int before = open_fds(), got[LEASE_FDS];
        lease_msg_t msg;
        err_t err = {0};
        send_raw(p.worker, "", 0, count);
        assert_fails(lease_recv(p.keeper, &msg, got, &err), err, ERR_CLOSED);
        assert_int_equal(got[0], -1);
        assert_int_equal(open_fds(), before);
    }
}

static void receiving_never_waits(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    lease_msg_t msg;
    int fds[LEASE_FDS];
    assert_int_equal(lease_recv(p.worker, &msg, fds, NULL), 0);
}

static void what_was_sent_before_the_peer_went_still_arrives(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_KILLED};
    int fds[LEASE_FDS];
    err_t err = {0};
    assert_int_equal(lease_send(p.keeper, &msg, NULL, 0, NULL), 0);
    fd_close(&p.keeper);
    assert_int_equal(lease_recv(p.worker, &msg, fds, NULL), 1);
    assert_fails(lease_recv(p.worker, &msg, fds, &err), err, ERR_CLOSED);
    assert_fails(lease_send(p.worker, &msg, NULL, 0, &err), err, ERR_CLOSED);
}

static void a_peer_that_does_not_read_cannot_block_us(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    lease_msg_t msg = {.version = LEASE_VERSION, .type = MSG_KILLED};
    err_t err = {0};
    int n = 0;
    for (int i = 0; i < 100000 && n == 0; i++)
        n = lease_send(p.keeper, &msg, NULL, 0, &err);
    assert_int_equal(n, -1);
    assert_int_equal(err.code, ERR_CLOSED);
}

static void texts_from_a_peer_are_always_terminated(void **state)
{
    (void)state;
    cleanup_pair pair_t p = open_pair();
    for (int type = 0; type < 256; type++) {
        lease_msg_t msg;
        int fds[LEASE_FDS];
        memset(&msg, 'x', sizeof msg);
        msg.version = LEASE_VERSION;
        msg.type = (uint8_t)type;
        send_raw(p.worker, &msg, sizeof msg, 0);
        assert_int_equal(lease_recv(p.keeper, &msg, fds, NULL), 1);
        switch (type) {
        case MSG_LEASE:
            assert_int_equal(strlen(msg.lease.request_id), ID_TEXT - 1);
            assert_int_equal(strlen(msg.lease.function_id), ID_TEXT - 1);
            assert_true(msg.lease.check_revision);
            break;
        case MSG_RELEASE:
            assert_int_equal(strlen(msg.release.cell), ID_TEXT - 1);
            assert_true(msg.release.reusable);
            break;
        case MSG_HOLD:
            assert_int_equal(strlen(msg.hold.cell), ID_TEXT - 1);
            assert_int_equal(strlen(msg.hold.function_id), ID_TEXT - 1);
            break;
        case MSG_CHANGED:
            assert_int_equal(strlen(msg.changed.function_id), ID_TEXT - 1);
            assert_true(msg.changed.deleted);
            break;
        case MSG_GRANT:
            assert_int_equal(strlen(msg.grant.cell), ID_TEXT - 1);
            break;
        case MSG_FAILED:
            assert_int_equal(strlen(msg.failed.text), sizeof msg.failed.text - 1);
            break;
        default:
            break;
        }
    }
}

static void a_missing_keeper_is_unavailable(void **state)
{
    (void)state;
    char dir[] = "/tmp/cloche-lease-XXXXXX", path[64];
    int fd = -1;
    err_t err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    assert_fails(lease_connect(path, &fd, &err), err, ERR_UNAVAILABLE); // no socket

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(str_copy(address.sun_path, sizeof address.sun_path, path));
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_fails(lease_connect(path, &fd, &err), err, ERR_UNAVAILABLE); // nobody listens
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(lease_connect(path, &fd, &err), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(listener);
    unlink(path);
    rmdir(dir);
}

static void a_keeper_that_hangs_cannot_block_us(void **state)
{
    (void)state;
    char dir[] = "/tmp/cloche-lease-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", dir);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 2), 0);
    int fds[8], count = 0, n = 0;
    err_t err = {0};
    while (count < 8 && (n = lease_connect(address.sun_path, &fds[count], &err)) == 0)
        count++;
    assert_int_equal(n, -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    while (count > 0)
        close(fds[--count]);
    close(listener);
    unlink(address.sun_path);
    rmdir(dir);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char path[200];
    int fd = -1;
    err_t err = {0};
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_fails(lease_connect(path, &fd, &err), err, ERR_INVALID);
}

static void names_and_values_match(void **state)
{
    (void)state;
    for (int i = 0; i < LANG_COUNT; i++)
        assert_int_equal(language_parse(language_name((language_t)i)), i);
    for (int i = 0; i < RUNTIME_COUNT; i++)
        assert_int_equal(runtime_parse(runtime_name((runtime_t)i)), i);
    for (int i = 0; i < ISOLATION_COUNT; i++)
        assert_int_equal(isolation_parse(isolation_name((isolation_t)i)), i);
    for (int i = 0; i < START_COUNT; i++)
        assert_int_equal(start_parse(start_name((start_t)i)), i);
    assert_int_equal(language_parse("Python"), -1);
    assert_int_equal(runtime_parse(""), -1);
    assert_int_equal(isolation_parse("functions"), -1);
    assert_int_equal(start_parse("warmer"), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_as_it_was_sent),
        cmocka_unit_test(descriptors_arrive_in_order_non_blocking_and_close_on_exec),
        cmocka_unit_test(extra_descriptors_are_closed),
        cmocka_unit_test(a_wrong_size_or_version_is_refused_and_leaks_nothing),
        cmocka_unit_test(an_empty_packet_is_an_end_and_leaks_nothing),
        cmocka_unit_test(receiving_never_waits),
        cmocka_unit_test(what_was_sent_before_the_peer_went_still_arrives),
        cmocka_unit_test(a_peer_that_does_not_read_cannot_block_us),
        cmocka_unit_test(texts_from_a_peer_are_always_terminated),
        cmocka_unit_test(a_missing_keeper_is_unavailable),
        cmocka_unit_test(a_keeper_that_hangs_cannot_block_us),
        cmocka_unit_test(a_path_that_does_not_fit_is_refused),
        cmocka_unit_test(names_and_values_match),
    };
    return RUN_TESTS(tests);
}
