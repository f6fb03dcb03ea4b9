#include "engine/oci_run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { OUTPUT_MAX = 16 * 1024, NO_PROGRAM = 127, PROGRAM_PATH = 64, HUGE_PAGE = 2 << 20 };

// Of Linux 6.1 and 6.3; glibc 2.36 has no names for them.
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

// What the child needs, all of it known before the fork.
typedef struct {
    const char *const *argv;
    const cgroup_join_t *groups;
    int null, output, program; // a path, without a descriptor
    char path[PROGRAM_PATH];
} start_t;

static char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};

void oci_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, SIG_IGN);
}

static int find_program(const char *name, char out[PROGRAM_PATH], err_t *err)
{
    static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin",        "/sbin",          "/bin"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (snprintf(out, PROGRAM_PATH, "%s/%s", folders[i], name) < PROGRAM_PATH &&
            access(out, X_OK) == 0)
            return 0;
    return err_set(err, ERR_UNAVAILABLE, "%.32s is not installed", name);
}

static int copy(int from, int to)
{
    struct stat st;
    off_t done = 0;
    if (fstat(from, &st) < 0)
        return -1;
    while (done < st.st_size)
        if (sendfile(to, from, &done, (size_t)(st.st_size - done)) <= 0)
            return -1;
    return 0;
}

static bool is_script(int fd)
{
    char begin[2];
    return pread(fd, begin, sizeof begin, 0) == sizeof begin && memcmp(begin, "#!", 2) == 0;
}

// A file in memory that may be executed even where that has to be asked for (vm.memfd_noexec).
static int make_program(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

// Moves a program into huge pages. Where the kernel has none (before 6.1), or none free, it stays as it is.
static int collapse(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    if (st.st_size < HUGE_PAGE)
        return 0;
    size_t size = ((size_t)st.st_size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    // Whole pages, and a place in memory that begins with one: the kernel moves no others.
    if (ftruncate(fd, (off_t)size) < 0)
        return -1;
    char *room = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return -1;
    char *begin = room + (-(uintptr_t)room & (HUGE_PAGE - 1));
    if (mmap(begin, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED)
        madvise(begin, size, MADV_COLLAPSE);
    return munmap(room, size + HUGE_PAGE);
}

int oci_seal(const char *name, int *fd, err_t *err)
{
    char path[PROGRAM_PATH];
    if (find_program(name, path, err) < 0)
        return -1;
    cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from >= 0 && is_script(from))
        return err_set(err, ERR_INVALID, "%s is a script, which starts only from its own path",
                       path);
    cleanup_close int to = make_program(name);
    if (from < 0 || to < 0 || copy(from, to) < 0 || collapse(to) < 0 ||
        fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_errno(err, "cannot make a copy of %s", path);
    *fd = fd_take(&to);
    return 0;
}

// A file in memory that cannot grow: the cell's first program inherits it, and keeps it under gVisor.
static int make_output(err_t *err)
{
    cleanup_close int fd = memfd_create("runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, OUTPUT_MAX) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_errno(err, "cannot make a file for what the runtime says");
    return fd_take(&fd);
}

// Runs in the keeper's memory until execve: only plain system calls. The keeper's place in the line for
// processor and memory is not for cells. A session of its own, so that all of it can be ended. Its descriptors
// stay open until then: among them may be the program.
static void run_child(const start_t *s)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    setpriority(PRIO_PROCESS, 0, 0);
    umask(022);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1 || dup2(s->null, STDIN_FILENO) < 0 ||
        dup2(s->output, STDOUT_FILENO) < 0 || dup2(s->output, STDERR_FILENO) < 0 ||
        (s->groups && cgroup_join(s->groups) < 0) ||
        close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(NO_PROGRAM);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const *argv = (char *const *)(uintptr_t)s->argv;
    if (s->program >= 0)
        fexecve(s->program, argv, environment);
    else
        execve(s->path, argv, environment);
    _exit(NO_PROGRAM);
}

// Signals are blocked meanwhile: a handler must not run in the child.
static pid_t start(const start_t *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork(); // copies no page tables of the keeper's
    if (pid == 0)
        run_child(s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

// Waits for its end, for the bound, or for the interrupt; then it has ended in any case.
static int await(pid_t pid, const oci_run_t *run, err_t *err)
{
    cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[2] = {{.fd = pidfd, .events = POLLIN},
                            {.fd = run->interrupt, .events = POLLIN}};
    int n = pidfd < 0 ? 0 : poll(fds, 2, run->timeout_ms);
    int result = 0;
    if (n < 0)
        result = err_errno(err, "cannot wait for %s", run->argv[0]);
    else if (n == 0 && pidfd >= 0)
        result = err_set(err, ERR_TIMEOUT, "%s does not end", run->argv[0]);
    else if (n > 0 && !fds[0].revents)
        result = err_set(err, ERR_UNAVAILABLE, "%s was interrupted", run->argv[0]);
    // Without a session of its own yet, where vfork is fork (ThreadSanitizer), it is alone.
    if (result < 0 && kill(-pid, SIGKILL) < 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    // Nobody to wait for, unless ended children are kept.
    waitpid(pid, NULL, 0);
    return result;
}

// The end of the output, on one line.
static void read_output(int fd, char said[OCI_SAID])
{
    char text[OUTPUT_MAX];
    ssize_t n = pread(fd, text, sizeof text, 0);
    size_t len = n > 0 ? strnlen(text, (size_t)n) : 0;
    while (len && strchr("\n ", text[len - 1]))
        len--;
    size_t from = len < OCI_SAID ? 0 : len - (OCI_SAID - 1);
    memcpy(said, text + from, len - from);
    said[len - from] = '\0';
    for (char *p = said; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
}

int oci_run(const oci_run_t *run, char said[OCI_SAID], err_t *err)
{
    start_t s = {.argv = run->argv, .groups = run->groups, .program = run->program};
    said[0] = '\0';
    if (run->program < 0 && find_program(run->argv[0], s.path, err) < 0)
        return -1;
    cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_close int output = null < 0 ? -1 : make_output(err);
    if (null < 0)
        return err_errno(err, "cannot open /dev/null");
    if (output < 0)
        return -1;
    s.null = null;
    s.output = output;
    pid_t pid = start(&s);
    if (pid < 0)
        return err_errno(err, "cannot start %s", run->argv[0]);
    if (await(pid, run, err) < 0)
        return -1;
    read_output(output, said);
    return 0;
}
