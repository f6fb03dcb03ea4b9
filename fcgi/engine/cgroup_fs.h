// Reading, writing and walking cgroupfs.
#ifndef CLOCHE_ENGINE_CGROUP_FS_H
#define CLOCHE_ENGINE_CGROUP_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { CGROUP_PATH = 512 };

// Writes text to <dir>/<file>, which must exist.
int cgroup_fs_write(const char *dir, const char *file, const char *text, err_t *err) MUSTCHECK;
int cgroup_fs_write_number(const char *dir, const char *file, int64_t number, err_t *err) MUSTCHECK;
// Reads a file of one number.
int cgroup_fs_read_number(const char *dir, const char *file, int64_t *out, err_t *err) MUSTCHECK;
// Finds `key` in a file of lines "key number".
int cgroup_fs_read_key(const char *dir, const char *file, const char *key, int64_t *out,
                       err_t *err) MUSTCHECK;
// Whether a file can be read and has this line.
bool cgroup_fs_has_line(const char *dir, const char *file, const char *line);
bool cgroup_fs_exists(const char *dir, const char *file);

// Calls fn for every group below dir, then for dir itself; stops when fn returns other than 0 and
// returns that. Deeper than a few levels is not looked at: nothing of ours is there.
typedef int (*cgroup_fs_fn)(const char *dir, void *context);
int cgroup_fs_walk(const char *dir, cgroup_fs_fn fn, void *context);

#endif
