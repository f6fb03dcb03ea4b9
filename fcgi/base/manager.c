#include "base/manager.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

int manager_tell(const char *state, err_t *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path)
        return 0;
    if (!str_copy(address.sun_path, sizeof address.sun_path, path))
        return err_set(err, ERR_INVALID, "NOTIFY_SOCKET is too long for a socket");
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0'; // an abstract socket: not in the file system
    cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
                         (struct sockaddr *)&address, len) < 0)
        return err_errno(err, "cannot tell the service manager %s", state);
    return 0;
}

// The variables are inherited by whatever a service starts; WATCHDOG_PID says whom they are meant for.
int64_t manager_interval_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us, whose;
    if (!usec || str_int(usec, 1, INT64_MAX / 1000, &us, NULL) < 0)
        return 0;
    if (pid && (str_int(pid, 1, INT32_MAX, &whose, NULL) < 0 || whose != getpid()))
        return 0;
    return us * 1000 / 2;
}
