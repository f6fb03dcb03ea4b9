/*
 * First process of a cell: connects the three streams the worker will hold, then becomes the interpreter.
 *
 * It is static and tiny so that the sockets are there before any interpreter code runs, and because Node has no
 * dup2: fds 1, 2 and 3 must already be right when it starts.
 *
 *   launcher [SOCKET COMMAND_FILE]
 *   launcher --processor              prints what an interpreter's snapshot may depend on
 *
 * The command file, docker/<language>/command, has an argument of the interpreter's in each line, the program first. A
 * line that begins with # says why. A first line "input-file" asks for a memory file as fd 4, which a runner that
 * cannot make one fills with the input of a script and opens as fd 0. What stands between "if-processor FILE" and "else"
 * is taken where FILE has what --processor prints, what follows "else" where it does not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum { CONTROL_FD = 3, INPUT_FD = 4, FIRST_FREE_FD = 5 };
enum { COMMAND_BYTES = 4096, ARGUMENTS_MAX = 32, PROCESSOR_BYTES = 128 };

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

/* What the runtime may have left open; Linux has a call for it since 5.9, and gVisor not in all versions. 0, or -1. */
static int close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return 0;
    DIR *all = opendir("/proc/self/fd");
    if (!all)
        return -1;
    for (const struct dirent *entry; (entry = readdir(all)) != NULL;) {
        int fd = 0;
        for (const char *digit = entry->d_name; *digit >= '0' && *digit <= '9'; digit++)
            fd = fd * 10 + (*digit - '0');
        if (fd >= first && fd != dirfd(all))
            close(fd);
    }
    return closedir(all);
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

#ifdef __x86_64__

/* What compilers ask for; not what a hypervisor or a sandbox may say differently of one machine. */
static void describe_processor(char text[PROCESSOR_BYTES])
{
    unsigned model = 0, a, b, c, d, features = 0, extended = 0, more = 0;
    uint64_t saved = 0;

    if (__get_cpuid(1, &model, &b, &c, &d))
        features = c & (bit_SSE3 | bit_SSSE3 | bit_FMA | bit_SSE4_1 | bit_SSE4_2 | bit_MOVBE |
                        bit_POPCNT | bit_AES | bit_OSXSAVE | bit_AVX | bit_F16C);
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        extended = b & (bit_BMI | bit_AVX2 | bit_BMI2 | bit_AVX512F | bit_AVX512DQ | bit_AVX512CD |
                        bit_AVX512BW | bit_AVX512VL);
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        more = c & (bit_LAHF_LM | bit_ABM);
    if (features & bit_OSXSAVE) {
        __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        saved = (uint64_t)d << 32 | a; /* the registers that the system saves */
    }
    snprintf(text, PROCESSOR_BYTES, "x86-64 %x %x %x %x %" PRIx64 "\n", model, features, extended,
             more, saved & 0xff);
}

#else

static void describe_processor(char text[PROCESSOR_BYTES])
{
    snprintf(text, PROCESSOR_BYTES, "%lx %lx\n", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
}

#endif

/* Whether `path` describes this machine's processor. */
static int is_processor(const char *path)
{
    char here[PROCESSOR_BYTES], there[PROCESSOR_BYTES];

    describe_processor(here);
    return read_text(path, there, sizeof there) == 0 && strcmp(here, there) == 0;
}

static int read_command(const char *path, struct command *command)
{
    static const char condition[] = "if-processor ";
    size_t count = 0;
    int taken = 1;

    if (read_text(path, command->text, sizeof command->text) < 0)
        return -1;
    for (char *line, *rest = command->text; (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#')
            continue;
        if (count == 0 && strcmp(line, "input-file") == 0) {
            command->input_file = 1;
            continue;
        }
        if (strncmp(line, condition, strlen(condition)) == 0) {
            taken = is_processor(line + strlen(condition));
            continue;
        }
        if (strcmp(line, "else") == 0) {
            taken = !taken;
            continue;
        }
        if (!taken)
            continue;
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

    if (argc == 2 && strcmp(argv[1], "--processor") == 0) {
        char processor[PROCESSOR_BYTES];
        describe_processor(processor);
        return dprintf(STDOUT_FILENO, "%s", processor) < 0;
    }
    if (argc > 3) {
        dprintf(STDERR_FILENO, "usage: launcher [SOCKET COMMAND_FILE]\n"
                               "       launcher --processor\n");
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
    if (close_from(input >= 0 ? FIRST_FREE_FD : INPUT_FD) < 0)
        return fail("/proc/self/fd");

    if (chdir("/tmp") < 0)
        return fail("/tmp");

    execve(command.arguments[0], command.arguments, strings(environment));
    return fail(command.arguments[0]);
}
