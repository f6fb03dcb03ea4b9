/*
 * First process of a cell: connects the three streams the worker will hold, then becomes the interpreter.
 *
 * It is static and tiny so that the sockets are there before any interpreter code runs, and because Node has no
 * dup2: fds 1, 2 and 3 must already be right when it starts.
 *
 *   launcher [SOCKET COMMAND_FILE]
 *
 * The command file, docker/<language>/command, has an argument of the interpreter's in each line, the program first. A
 * line that begins with # says why. A first line "input-file" asks for a memory file as fd 4, which a runner that
 * cannot make one fills with the input of a script and opens as fd 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL_FD = 3, INPUT_FD = 4, FIRST_FREE_FD = 5 };
enum { COMMAND_BYTES = 4096, ARGUMENTS_MAX = 32 };

struct command {
    char text[COMMAND_BYTES];
    char *arguments[ARGUMENTS_MAX + 1];
    int input_file;
};

static const char *const environment[] = {
    "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp", "TMPDIR=/tmp", NULL,
};

static int fail(const char *what)
{
    dprintf(STDERR_FILENO, "launcher: %s: %s\n", what, strerror(errno));
    return 1;
}

static int connect_stream(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* execve() takes non-const strings for history's sake and changes none. */
static char *const *strings(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

/* The whole file as text; 0, or -1 with errno. */
static int read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n = -1;

    while (fd >= 0 && length < size && (n = read(fd, text + length, size - length)) > 0)
        length += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return -1;
    if (length == size) {
        errno = EFBIG;
        return -1;
    }
    text[length] = '\0';
    return 0;
}

static int read_command(const char *path, struct command *command)
{
    size_t count = 0;

    if (read_text(path, command->text, sizeof command->text) < 0)
        return -1;
    for (char *line, *rest = command->text; (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#')
            continue;
        if (count == 0 && strcmp(line, "input-file") == 0) {
            command->input_file = 1;
            continue;
        }
        if (count == ARGUMENTS_MAX) {
            errno = E2BIG;
            return -1;
        }
        command->arguments[count++] = line;
    }
    if (count == 0) {
        errno = ENOEXEC;
        return -1;
    }
    return 0;
}

/* Moves `fd` above the range that is filled next, so that no dup2 below overwrites a source still needed. */
static int lift(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);
}

int main(int argc, char **argv)
{
    static struct command command;
    const char *path = argc > 1 ? argv[1] : "/run/cloche/s";
    const char *file = argc > 2 ? argv[2] : "/cloche/command";

    if (argc > 3) {
        dprintf(STDERR_FILENO, "usage: launcher [SOCKET COMMAND_FILE]\n");
        return 2;
    }
    if (read_command(file, &command) < 0)
        return fail(file);

    /* The order of the three connections tells the keeper which is which. */
    int control = lift(connect_stream(path));
    int out = lift(connect_stream(path));
    int err = lift(connect_stream(path));
    if (control < 0 || out < 0 || err < 0)
        return fail("connect");

    int null = lift(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null < 0)
        return fail("/dev/null");
    int input = -1;
    if (command.input_file && (input = lift(memfd_create("input", MFD_CLOEXEC))) < 0)
        return fail("memfd_create");

    /* dup2 clears close-on-exec, which is wanted for exactly these. */
    if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(control, CONTROL_FD) < 0 || (input >= 0 && dup2(input, INPUT_FD) < 0) ||
        dup2(err, STDERR_FILENO) < 0)
        return fail("dup2");
    closefrom(input >= 0 ? FIRST_FREE_FD : INPUT_FD);

    if (chdir("/tmp") < 0)
        return fail("/tmp");

    execve(command.arguments[0], command.arguments, strings(environment));
    return fail(command.arguments[0]);
}
