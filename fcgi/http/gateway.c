#include "http/gateway.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/log.h"

enum {
    FCGI_ABORT_REQUEST = 2,         // of the FastCGI specification
    IO_TIMEOUT_S = 60,              // of each read and write on a connection
    BACKOFF_MS = 50,                // after a failed accept, out of descriptors for example
    DRAIN_BYTES = 16 * 1024 * 1024, // of a body that the handler did not want
};

typedef struct {
    const gateway_t *gateway;
    int stop_fd; // readable from the stop on
    atomic_bool stopping;
    // One thread waits for a connection at a time, the others for this: a new connection wakes one
    // thread of the process, not all of them.
    pthread_mutex_t accepting;
} shared_t;

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGINT);
}

int gateway_prepare(pid_t parent, err_t *err)
{
    sigset_t set;
    stop_signals(&set);
    int failure = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failure) {
        errno = failure;
        return err_errno(err, "cannot block signals");
    }
    signal(SIGPIPE, SIG_IGN);
    // Whoever started us shares the listening socket and would start others in our place: an orphan
    // must not stay on it.
    if (parent == 0)
        parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return err_errno(err, "cannot ask for a signal when the parent dies");
    if (getppid() != parent)
        raise(SIGTERM);
    return 0;
}

// Waits until fd is readable or has hung up, and returns its events. 0: it is not, and the stop has come.
static short wait_readable(int fd, int stop_fd)
{
    struct pollfd p[2] = {{.fd = stop_fd, .events = POLLIN},
                          {.fd = fd, .events = POLLIN | POLLRDHUP}};
    while (poll(p, 2, -1) < 0)
        if (errno != EINTR)
            return 0;
    return p[1].revents;
}

// Waits for the next request on a kept-alive connection; false when none comes.
static bool wait_request(int fd, int stop_fd)
{
    short events = wait_readable(fd, stop_fd);
    char byte;
    if (events & (POLLRDHUP | POLLHUP | POLLERR))
        return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    return events;
}

static bool stopped_within(int stop_fd, int ms)
{
    struct pollfd p = {.fd = stop_fd, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

// ---- one request

static long read_body(void *ctx, char *data, size_t len)
{
    FCGX_Stream *in = ((FCGX_Request *)ctx)->in;
    int n = FCGX_GetStr(data, len > INT_MAX ? INT_MAX : (int)len, in);
    return n > 0 || FCGX_GetError(in) == 0 ? n : -1;
}

static int write_out(void *ctx, const char *data, size_t len)
{
    FCGX_Stream *out = ((FCGX_Request *)ctx)->out;
    while (len) {
        int piece = len > INT_MAX ? INT_MAX : (int)len;
        if (FCGX_PutStr(data, piece, out) != piece)
            return -1;
        data += piece;
        len -= (size_t)piece;
    }
    return 0;
}

static int flush_out(void *ctx)
{
    return FCGX_FFlush(((FCGX_Request *)ctx)->out) == 0 ? 0 : -1;
}

// Reads on to the end of the body, so that the connection can carry the next request. False when there
// is too much of it.
static bool drain(FCGX_Request *fcgi)
{
    char trash[4096];
    for (size_t total = 0; total < DRAIN_BYTES; total += sizeof trash)
        if (FCGX_GetStr(trash, sizeof trash, fcgi->in) < (int)sizeof trash)
            return true;
    return false;
}

// Ends the connection so that the client sees an incomplete answer. nginx takes a closed connection for
// the regular end of an answer that it does not buffer; a record that a server never sends is an error.
static void break_off(FCGX_Request *fcgi)
{
    const unsigned char record[8] = {
        1,
        FCGI_ABORT_REQUEST,
        (unsigned char)(fcgi->requestId >> 8),
        (unsigned char)fcgi->requestId,
    };
    FCGX_FFlush(fcgi->out);
    ssize_t n = send(fcgi->ipcFd, record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; // nobody to tell
    FCGX_Free(fcgi, 1);
}

// At the stop a kept-alive connection closes right behind its answer. A moment later the web server
// might have sent the next request on it, which would be lost.
static void finish_and_close(FCGX_Request *fcgi)
{
    FCGX_FClose(fcgi->err);
    FCGX_FClose(fcgi->out);
    FCGX_Free(fcgi, 1);
}

static void serve(const shared_t *shared, void *state, FCGX_Request *fcgi)
{
    const gateway_t *g = shared->gateway;
    request_t request;
    response_t response;
    err_t err;
    bool parsed = request_parse(&request, (const char *const *)fcgi->envp, &err) == 0;
    request.client_fd = fcgi->ipcFd;
    request.source = (body_source_t){.read = read_body, .ctx = fcgi};
    response_init(&response,
                  (response_sink_t){.write = write_out, .flush = flush_out, .ctx = fcgi});
    response.no_body = strcmp(request.method, "HEAD") == 0;
    log_request(request.id);

    g->handle(g->ctx, state, &request, parsed ? NULL : &err, &response);

    bool whole = drain(fcgi) && response_finish(&response) == 0 && !response.cut;
    log_request("");
    response_free(&response);
    request_free(&request);
    if (!whole)
        break_off(fcgi);
    else if (shared->stopping)
        finish_and_close(fcgi);
    else
        FCGX_Finish_r(fcgi);
}

// ---- connections

// Bounds what a peer that neither reads nor writes can hold up.
static void set_timeouts(int fd)
{
    const struct timeval timeout = {.tv_sec = IO_TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

// Serves the connection's first request and those that follow while it is kept alive.
static void serve_connection(const shared_t *shared, void *state, FCGX_Request *fcgi)
{
    set_timeouts(fcgi->ipcFd);
    for (;;) {
        serve(shared, state, fcgi);
        if (fcgi->ipcFd < 0 || !wait_request(fcgi->ipcFd, shared->stop_fd))
            break;
        // Reads the next request. Where that is none, libfcgi goes on to the listening socket, which does
        // not block.
        int fd = fcgi->ipcFd;
        if (FCGX_Accept_r(fcgi) < 0)
            break;
        if (fcgi->ipcFd != fd)
            set_timeouts(fcgi->ipcFd);
    }
    if (fcgi->ipcFd >= 0)
        FCGX_Free(fcgi, 1);
}

// A request to serve, or false at the stop.
static bool next_connection(shared_t *shared, FCGX_Request *fcgi)
{
    for (;;) {
        pthread_mutex_lock(&shared->accepting);
        bool ready = wait_readable(shared->gateway->listen_fd, shared->stop_fd);
        pthread_mutex_unlock(&shared->accepting);
        if (!ready || stopped_within(shared->stop_fd, 0))
            return false;
        int result = FCGX_Accept_r(fcgi);
        if (result >= 0)
            return true;
        // Another thread or process was faster; or the machine is out of something, which passes.
        if (result == -EAGAIN || result == -EINTR)
            continue;
        err_t err;
        errno = -result;
        err_errno(&err, "accept");
        log_fail(LOG_WARN, "cannot take a connection", &err, NULL);
        if (stopped_within(shared->stop_fd, BACKOFF_MS))
            return false;
    }
}

static void *thread_main(void *arg)
{
    shared_t *shared = arg;
    const gateway_t *g = shared->gateway;
    void *state = g->thread_begin ? g->thread_begin(g->ctx) : NULL;
    FCGX_Request fcgi;
    FCGX_InitRequest(&fcgi, g->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR);
    while (next_connection(shared, &fcgi))
        serve_connection(shared, state, &fcgi);
    FCGX_Free(&fcgi, 1);
    if (g->thread_end)
        g->thread_end(state);
    return NULL;
}

// ---- the process

static int start_threads(shared_t *shared, pthread_t *threads, int *started, err_t *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    int failure = pthread_attr_setstacksize(&attr, shared->gateway->stack_bytes);
    for (*started = 0; !failure && *started < shared->gateway->threads; ++*started) {
        failure = pthread_create(&threads[*started], &attr, thread_main, shared);
        if (failure)
            break;
    }
    pthread_attr_destroy(&attr);
    if (!failure)
        return 0;
    errno = failure;
    return err_errno(err, "cannot start thread %d", *started + 1);
}

static int prepare_listener(int fd, err_t *err)
{
    int flags = fcntl(fd, F_GETFL);
    int listening = 0;
    socklen_t len = sizeof listening;
    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
        return err_set(err, ERR_INVALID,
                       "descriptor %d is no listening socket: start me with spawn-fcgi", fd);
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_errno(err, "cannot make the listening socket non-blocking");
    return 0;
}

int gateway_run(const gateway_t *gateway, err_t *err)
{
    if (prepare_listener(gateway->listen_fd, err) < 0)
        return -1;
    if (FCGX_Init() != 0)
        return err_set(err, ERR_INTERNAL, "libfcgi does not start");
    cleanup_close int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        return err_errno(err, "cannot make an eventfd");
    cleanup_free pthread_t *threads = calloc((size_t)gateway->threads, sizeof *threads);
    if (!threads)
        return err_set(err, ERR_INTERNAL, "out of memory");
    shared_t shared = {.gateway = gateway, .stop_fd = stop_fd};
    pthread_mutex_init(&shared.accepting, NULL);

    int started = 0;
    int result = start_threads(&shared, threads, &started, err);
    if (result == 0) {
        sigset_t set;
        int signal_number;
        stop_signals(&set);
        sigwait(&set, &signal_number);
    }
    shared.stopping = true;
    eventfd_write(stop_fd, 1);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&shared.accepting);
    return result;
}
