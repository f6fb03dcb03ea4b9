#include "keeper/body.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "keeper/limits.h"

#define SOCKET_NAME "s"

int ground_open(ground_t *g, const config_t *config, engine_t *engine, cgroups_t *cgroups,
                err_t *err)
{
    *g = (ground_t){.engine = engine, .cgroups = cgroups, .cgroup = config->cgroup, .dir = -1};
    snprintf(g->path, sizeof g->path, "%s/cells", config->run);
    if (mkdir(g->path, 0711) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make %s", g->path);
    g->dir = open(g->path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // Cells are looked up in it by their own users, so the bits matter, whatever the umask.
    if (g->dir < 0 || fchown(g->dir, 0, 0) < 0 || fchmod(g->dir, 0711) < 0)
        return err_errno(err, "cannot use %s", g->path);
    return 0;
}

void ground_close(ground_t *g)
{
    fd_close(&g->dir);
}

void body_init(body_t *b, const ground_t *g, const char *id)
{
    *b = (body_t){.dir = -1, .listener = -1, .pidfd = -1};
    str_copy(b->id, sizeof b->id, id);
    cgroup_at(g->cgroups, id, &b->group);
}

void body_close(body_t *b)
{
    fd_close(&b->dir);
    fd_close(&b->listener);
    fd_close(&b->pidfd);
    cgroup_close(&b->group);
}

// A path through the descriptor is short enough for any socket, however long the real one is.
static int listen_in(int dir, int *listener, err_t *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, dir);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, LEASE_FDS) < 0)
        return err_errno(err, "cannot listen for the cell");
    *listener = fd_take(&fd);
    return 0;
}

// The directory is given away last: until then nobody but root can reach what is in it.
static int make_dir(body_t *b, const ground_t *g, err_t *err)
{
    if (mkdirat(g->dir, b->id, 0700) < 0)
        return err_errno(err, "cannot make the directory of the cell");
    b->dir = openat(g->dir, b->id, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (b->dir < 0)
        return err_errno(err, "cannot open the directory of the cell");
    if (listen_in(b->dir, &b->listener, err) < 0)
        return -1;
    if (fchownat(b->dir, SOCKET_NAME, b->uid, b->uid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(b->dir, SOCKET_NAME, 0600, 0) < 0 || fchown(b->dir, b->uid, b->uid) < 0 ||
        fchmod(b->dir, 0700) < 0)
        return err_errno(err, "cannot hand the directory to the cell");
    return 0;
}

static int make_group(body_t *b, err_t *err)
{
    if (cgroup_make(&b->group, err) < 0 || cgroup_limit_memory(&b->group, b->memory, err) < 0 ||
        cgroup_limit_cpu(&b->group, LIMIT_CPU_LAUNCH, err) < 0)
        return -1;
    return cgroup_watch(&b->group, err);
}

// The number the engine gave may be somebody else's by now, so membership is checked after the pidfd
// holds whatever it means.
static int hold_process(body_t *b, pid_t pid, err_t *err)
{
    b->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (b->pidfd < 0 || !cgroup_has(&b->group, pid))
        return err_set(err, ERR_INTERNAL, "the cell ended as it was started");
    return 0;
}

int body_make(body_t *b, const ground_t *g, err_t *err)
{
    engine_spec_t spec = {.language = b->language,
                          .runtime = b->runtime,
                          .uid = b->uid,
                          .disk_mb = b->disk_mb,
                          .pids = limit_pids(b->runtime),
                          .memory_ceiling = LIMIT_MEMORY_CEILING};
    str_copy(spec.id, sizeof spec.id, b->id);
    snprintf(spec.cgroup_parent, sizeof spec.cgroup_parent, "/%.80s/%s", g->cgroup, b->id);
    snprintf(spec.socket_dir, sizeof spec.socket_dir, "%s/%s", g->path, b->id);
    char instance[ENGINE_NAME];
    pid_t pid;
    engine_name(b->id, instance);
    if (make_dir(b, g, err) < 0 || make_group(b, err) < 0 ||
        engine_create(g->engine, &spec, err) < 0 ||
        engine_start(g->engine, instance, &pid, err) < 0)
        return -1;
    return hold_process(b, pid, err);
}

void body_close_listener(body_t *b)
{
    fd_close(&b->listener);
    if (b->dir >= 0)
        unlinkat(b->dir, SOCKET_NAME, 0);
}

static int remove_dir(body_t *b, const ground_t *g, err_t *err)
{
    if (b->dir < 0)
        b->dir = openat(g->dir, b->id, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    body_close_listener(b);
    if (unlinkat(g->dir, b->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove the directory of the cell");
    return 0;
}

// The directory goes last: as long as it is there, a new keeper knows that there is something to remove.
int body_remove(body_t *b, const ground_t *g, err_t *err)
{
    char instance[ENGINE_NAME];
    engine_name(b->id, instance);
    cgroup_kill(&b->group); // also thaws: removing a frozen cell would hang
    if (engine_remove(g->engine, instance, err) < 0 || cgroup_remove(&b->group, err) < 0)
        return -1;
    return remove_dir(b, g, err);
}

bool body_kill(body_t *b)
{
    // Under runc the first process takes all others of the cell with it.
    if (b->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, b->pidfd, SIGKILL, NULL, 0);
    return cgroup_kill(&b->group) == 0;
}

// PIDFD_GET_INFO as of Linux 6.15, whose headers may be older than the kernel. Only a parent can wait for
// a process; this tells others how it ended.
struct pidfd_exit_info {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};
#define PIDFD_GET_EXIT _IOWR(0xFF, 11, struct pidfd_exit_info)
#define PIDFD_MASK_EXIT (1ULL << 3)

bool body_tells_exit(const body_t *b)
{
    struct pidfd_exit_info info = {.mask = PIDFD_MASK_EXIT};
    if (b->pidfd < 0)
        return false;
    if (ioctl(b->pidfd, PIDFD_GET_EXIT, &info) == 0)
        return true;
    // Reaped between the kernel's look for its status and that for the process.
    return errno == ESRCH && ioctl(b->pidfd, PIDFD_GET_EXIT, &info) == 0;
}

int32_t body_exit_status(const body_t *b)
{
    struct pidfd_exit_info info = {.mask = PIDFD_MASK_EXIT};
    if (b->pidfd < 0 || ioctl(b->pidfd, PIDFD_GET_EXIT, &info) < 0 ||
        !(info.mask & PIDFD_MASK_EXIT))
        return -1;
    return info.exit_code;
}
