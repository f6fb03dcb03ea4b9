// cloche-keeper: owns every cell, and is the only program that reaches the engine.

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/manager.h"
#include "base/str.h"
#include "keeper/heartbeat.h"
#include "keeper/keeper.h"

enum { OPEN_FILES = 65536, BACKLOG = 1024, SECCOMP_MAX = 256 * 1024, NICE = -10 };
#define OOM_SCORE "-900"

typedef struct {
    int notify_fd; // -1: nobody wants to know
    const char *group;
    const char *seccomp; // file, NULL: beside the program
} options_t;

static void usage(FILE *out)
{
    fputs(
        "usage: cloche-keeper [--notify-fd N] [--group NAME] [--seccomp FILE]\n\n"
        "  --notify-fd N   writes a newline to this descriptor once it serves; systemd is told\n"
        "                  without it\n"
        "  --group NAME    who may ask for cells (default cloche)\n"
        "  --seccomp FILE  system call profile of the cells (default ../docker/seccomp.json, seen\n"
        "                  from the program)\n\n"
        "Settings, in $CLOCHE_HOME/cloche.conf or as CLOCHE_<NAME> in the environment:\n",
        out);
    config_help(out);
}

// Returns -1 when the program is to go on, else its exit status.
static int read_options(int argc, char **argv, options_t *o)
{
    static const struct option known[] = {{"notify-fd", required_argument, NULL, 'n'},
                                          {"group", required_argument, NULL, 'g'},
                                          {"seccomp", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    *o = (options_t){.notify_fd = -1, .group = "cloche"};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        int64_t fd;
        if (c == 'n' && str_int(optarg, 0, INT32_MAX, &fd, NULL) == 0) {
            o->notify_fd = (int)fd;
        } else if (c == 'g') {
            o->group = optarg;
        } else if (c == 's') {
            o->seccomp = optarg;
        } else {
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc)
        usage(stderr);
    return optind < argc ? 2 : -1;
}

static log_level_t log_level(const char *word)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    for (log_level_t i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (str_eq(words[i], word))
            return i;
    return LOG_INFO;
}

// ---- what the process is given

// A keeper that is killed when memory runs short would leave everybody without cells, and one that waits
// behind busy cells for a processor would be late with its deadlines.
static void guard_process(void)
{
    setpriority(PRIO_PROCESS, 0, NICE);
    cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
        log_debug("the keeper is not guarded against the machine running out of memory", NULL);
}

static void prepare_process(void)
{
    struct rlimit files = {.rlim_cur = OPEN_FILES, .rlim_max = OPEN_FILES};
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, 1); // launch threads allocate little; arenas of their own cost more
    setrlimit(RLIMIT_NOFILE, &files);
    guard_process();
}

static int beside_program(const char *file, char *out, size_t size)
{
    char program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return -1;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return -1;
    *slash = '\0';
    return snprintf(out, size, "%s/%s", program, file) < (int)size ? 0 : -1;
}

static int read_profile(FILE *f, const char *path, buf_t *out, err_t *err)
{
    char *room = buf_room(out, SECCOMP_MAX);
    size_t n = room ? fread(room, 1, SECCOMP_MAX, f) : 0;
    if (n == 0 || n == SECCOMP_MAX)
        return err_set(err, ERR_INVALID, "%s is empty or too long", path);
    buf_grew(out, n);
    return 0;
}

static int read_seccomp(const options_t *o, buf_t *out, err_t *err)
{
    char path[600];
    if (o->seccomp)
        str_copy(path, sizeof path, o->seccomp);
    else if (beside_program("../docker/seccomp.json", path, sizeof path) < 0)
        return err_set(err, ERR_INTERNAL, "cannot tell where the program is");
    cleanup_fclose FILE *f = fopen(path, "re");
    if (!f)
        return err_errno(err, "no cell is made without its system call profile: %s", path);
    return read_profile(f, path, out, err);
}

// One keeper to a run directory. The lock goes with the process, however it ends.
static int lock_run(const config_t *config, int *lock, err_t *err)
{
    char path[CONFIG_TEXT + 16];
    snprintf(path, sizeof path, "%s/keeper.lock", config->run);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return err_errno(err, "cannot open %s", path);
    if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, ERR_STALE, "another keeper runs in %s", config->run);
    return 0;
}

static int open_socket(const char *path, const char *group, int *out, err_t *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct group *g = getgrnam(group);
    if (!g)
        return err_set(err, ERR_INVALID, "there is no group %s", group);
    if (!str_copy(address.sun_path, sizeof address.sun_path, path))
        return err_set(err, ERR_INVALID, "%s is too long for a socket", path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chown(path, 0, g->gr_gid) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0)
        return err_errno(err, "cannot listen on %s", path);
    *out = fd_take(&fd);
    return 0;
}

// ---- running

static void on_signal(watch_t *w, uint32_t events)
{
    struct signalfd_siginfo info;
    (void)events;
    if (read(w->fd, &info, sizeof info) == sizeof info) {
        log_info("stopping", NULL);
        keeper_stop(w->owner);
    }
}

static int watch_signals(keeper_t *k, watch_t *w, int fd, err_t *err)
{
    *w = (watch_t){.fn = on_signal, .owner = k, .fd = fd};
    return loop_watch(k->loop, w, EPOLLIN, err);
}

// Under s6 by a line, under systemd by its own protocol.
static int tell_ready(const options_t *o, err_t *err)
{
    if (o->notify_fd >= 0 && write(o->notify_fd, "\n", 1) != 1)
        return err_errno(err, "cannot tell that it serves");
    return manager_tell(MANAGER_READY, err);
}

static int serve(const config_t *config, const options_t *o, const char *seccomp, int signals,
                 err_t *err)
{
    char path[108];
    int socket_fd = -1;
    engine_t *engine = NULL;
    cgroups_t *cgroups = NULL;
    keeper_t k;
    watch_t watch;
    heartbeat_t heartbeat;
    int result = -1;
    if (config_socket_path(config, "keeper.sock", path, err) < 0 ||
        cgroups_open("/proc/self/mountinfo", config->cgroup, &cgroups, err) < 0)
        return -1;
    if (engine_open(config, seccomp, &engine, err) == 0 &&
        open_socket(path, o->group, &socket_fd, err) == 0 &&
        keeper_open(&k, config, engine, cgroups, socket_fd, err) == 0) {
        result = watch_signals(&k, &watch, signals, err);
        if (result == 0)
            result = tell_ready(o, err);
        heartbeat_start(&heartbeat, k.loop);
        log_info("serving", "socket", path, NULL);
        if (result == 0)
            result = keeper_run(&k, err);
        keeper_close(&k);
        unlink(path);
    }
    engine_close(engine);
    cgroups_close(cgroups);
    return result;
}

int main(int argc, char **argv)
{
    options_t o;
    config_t config;
    err_t err;
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    log_init("cloche-keeper", LOG_INFO);
    prepare_process();

    // Blocked before any thread starts, so that only the loop takes them.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    cleanup_close int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    cleanup_close int lock = -1;
    cleanup_buf buf_t seccomp = BUF_INIT(SECCOMP_MAX);
    if (config_load(&config, &err) < 0) {
        log_fail(LOG_ERROR, "the settings cannot be used", &err, NULL);
        return 2;
    }
    log_init("cloche-keeper", log_level(config.log_level));
    if (lock_run(&config, &lock, &err) < 0 || read_seccomp(&o, &seccomp, &err) < 0 ||
        serve(&config, &o, seccomp.data, signals, &err) < 0) {
        log_fail(LOG_ERROR, "the keeper cannot run", &err, NULL);
        return 1;
    }
    return 0;
}
