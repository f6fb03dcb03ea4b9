#include "engine/cgroup_fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/meter.h"

enum { DEPTH_MAX = 8, TEXT_MAX = 8192 };

static int open_file(const char *dir, const char *file, int flags, err_t *err)
{
    char path[CGROUP_PATH];
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return err_set(err, ERR_INVALID, "path too long: %s", dir);
    int fd = open(path, flags | O_CLOEXEC);
    return fd >= 0 ? fd : err_errno(err, "cannot open %s", path);
}

int cgroup_fs_write(const char *dir, const char *file, const char *text, err_t *err)
{
    cleanup_close int fd = open_file(dir, file, O_WRONLY, err);
    if (fd < 0)
        return -1;
    size_t len = strlen(text);
    if (write(fd, text, len) != (ssize_t)len)
        return err_errno(err, "cannot write %s to %s/%s", text, dir, file);
    return 0;
}

int cgroup_fs_write_number(const char *dir, const char *file, int64_t number, err_t *err)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return cgroup_fs_write(dir, file, text, err);
}

int cgroup_fs_read_number(const char *dir, const char *file, int64_t *out, err_t *err)
{
    cleanup_close int fd = open_file(dir, file, O_RDONLY, err);
    if (fd < 0)
        return -1;
    return meter_number(fd, out, err) < 0 ? err_wrap(err, "%s/%s", dir, file) : 0;
}

int cgroup_fs_read_key(const char *dir, const char *file, const char *key, int64_t *out, err_t *err)
{
    cleanup_close int fd = open_file(dir, file, O_RDONLY, err);
    if (fd < 0)
        return -1;
    return meter_key(fd, key, out, err) < 0 ? err_wrap(err, "%s/%s", dir, file) : 0;
}

bool cgroup_fs_has_line(const char *dir, const char *file, const char *line)
{
    char text[TEXT_MAX];
    char *save = NULL;
    cleanup_close int fd = open_file(dir, file, O_RDONLY, NULL);
    if (fd < 0 || meter_text(fd, text, sizeof text, NULL) < 0)
        return false;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        if (str_eq(l, line))
            return true;
    return false;
}

bool cgroup_fs_exists(const char *dir, const char *file)
{
    char path[CGROUP_PATH];
    return snprintf(path, sizeof path, "%s/%s", dir, file) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

static int walk(const char *dir, int depth, cgroup_fs_fn fn, void *context)
{
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    int result = 0;
    for (struct dirent *e; d && result == 0 && (e = readdir(d)) != NULL;) {
        char path[CGROUP_PATH];
        if (e->d_type != DT_DIR || e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
            continue;
        result = walk(path, depth + 1, fn, context);
    }
    if (d)
        closedir(d);
    return result ? result : fn(dir, context);
}

int cgroup_fs_walk(const char *dir, cgroup_fs_fn fn, void *context)
{
    return walk(dir, 0, fn, context);
}
