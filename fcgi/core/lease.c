#include "core/lease.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/str.h"

static const char *const language_names[] = {
#define X(constant, name, ...) name,
    LANGUAGES(X)
#undef X
};
static const char *const runtime_names[] = {"docker", "gvisor"};
static const char *const isolation_names[] = {"request", "function"};
static const char *const start_names[] = {"cold", "prewarmed", "warm"};

static int parse(const char *const *names, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (str_eq(names[i], text))
            return i;
    return -1;
}

const char *language_name(language_t v)
{
    return language_names[v];
}

const char *runtime_name(runtime_t v)
{
    return runtime_names[v];
}

const char *isolation_name(isolation_t v)
{
    return isolation_names[v];
}

const char *start_name(start_t v)
{
    return start_names[v];
}

int language_parse(const char *text)
{
    return parse(language_names, LANG_COUNT, text);
}

int runtime_parse(const char *text)
{
    return parse(runtime_names, RUNTIME_COUNT, text);
}

int isolation_parse(const char *text)
{
    return parse(isolation_names, ISOLATION_COUNT, text);
}

int start_parse(const char *text)
{
    return parse(start_names, START_COUNT, text);
}

int lease_connect(const char *path, int *fd, err_t *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!str_copy(address.sun_path, sizeof address.sun_path, path))
        return err_set(err, ERR_INVALID, "socket path too long: %s", path);
    cleanup_close int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return err_errno(err, "socket");
    if (connect(s, (struct sockaddr *)&address, sizeof address) < 0) {
        int saved = errno;
        err_errno(err, "cannot reach the keeper at %s", path);
        // EAGAIN: its backlog is full, so it hangs.
        if (err && (saved == ENOENT || saved == ECONNREFUSED || saved == EAGAIN))
            err->code = ERR_UNAVAILABLE;
        return -1;
    }
    *fd = fd_take(&s);
    return 0;
}

int lease_send(int fd, const lease_msg_t *msg, const int *fds, int nfds, err_t *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(LEASE_FDS * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)msg, .iov_len = sizeof *msg};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (nfds) {
        size_t size = (size_t)nfds * sizeof(int);
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), fds, size);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof *msg)
        return 0;
    err_errno(err, "lease message not sent");
    if (err)
        err->code = ERR_CLOSED;
    return -1;
}

// Takes the descriptors out of a received header; what is over LEASE_FDS is closed.
static void take_fds(struct msghdr *header, int fds[LEASE_FDS])
{
    int count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count < LEASE_FDS)
                fds[count++] = fd;
            else
                close(fd);
        }
    }
}

// Ends every text member, whichever of them the type uses.
static void terminate(lease_msg_t *msg)
{
    switch ((lease_type_t)msg->type) {
    case MSG_LEASE:
        msg->lease.request_id[ID_TEXT - 1] = msg->lease.function_id[ID_TEXT - 1] = '\0';
        break;
    case MSG_RELEASE:
        msg->release.cell[ID_TEXT - 1] = '\0';
        break;
    case MSG_HOLD:
        msg->hold.cell[ID_TEXT - 1] = msg->hold.function_id[ID_TEXT - 1] = '\0';
        break;
    case MSG_CHANGED:
        msg->changed.function_id[ID_TEXT - 1] = '\0';
        break;
    case MSG_GRANT:
        msg->grant.cell[ID_TEXT - 1] = '\0';
        break;
    case MSG_FAILED:
        msg->failed.text[sizeof msg->failed.text - 1] = '\0';
        break;
    case MSG_COUNTS:
        for (int l = 0; l < LANG_COUNT; l++)
            for (int r = 0; r < RUNTIME_COUNT; r++)
                msg->counts.why[l][r][sizeof msg->counts.why[l][r] - 1] = '\0';
        break;
    case MSG_CANCEL:
    case MSG_STATUS:
    case MSG_CODE:
    case MSG_BUSY:
    case MSG_STALE:
    case MSG_GONE:
    case MSG_KILLED:
    case MSG_USAGE:
    case MSG_ACK:
    case MSG_LAUNCHING:
    case MSG_NEED_CODE:
    case MSG_TERM:
        break;
    }
}

int lease_recv(int fd, lease_msg_t *msg, int fds[LEASE_FDS], err_t *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * LEASE_FDS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = msg, .iov_len = sizeof *msg};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    for (int i = 0; i < LEASE_FDS; i++)
        fds[i] = -1;
    ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (n < 0)
        return err_set(err, ERR_CLOSED, "the other end of the lease connection is gone");
    take_fds(&header, fds); // an empty packet may carry some, too
    if (n != (ssize_t)sizeof *msg || msg->version != LEASE_VERSION ||
        (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (int i = 0; i < LEASE_FDS; i++)
            fd_close(&fds[i]);
        if (n == 0)
            return err_set(err, ERR_CLOSED, "the other end of the lease connection is gone");
        return err_set(err, ERR_PROTOCOL, "malformed lease message of %zd bytes", n);
    }
    terminate(msg);
    return 1;
}
