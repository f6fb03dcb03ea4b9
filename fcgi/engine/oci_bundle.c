#include "engine/oci_bundle.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "engine/oci_spec.h"

enum { OPEN_DIRS = 8, FILTER_MAX = 64 * 1024 };

static int open_in(const char *dir, const char *name, int flags, err_t *err)
{
    char path[BUNDLE_PATH + ENGINE_NAME + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? fd : err_errno(err, "cannot open %s", path);
}

int bundle_make(const char *dir, const char *config, err_t *err)
{
    if (mkdir(dir, 0700) < 0)
        return err_errno(err, "cannot make %s", dir);
    cleanup_close int fd = open_in(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL, err);
    if (fd < 0)
        return -1;
    size_t len = strlen(config);
    return write(fd, config, len) == (ssize_t)len ? 0 : err_errno(err, "cannot write in %s", dir);
}

static int read_file(const char *dir, const char *name, buf_t *out, err_t *err)
{
    cleanup_close int fd = open_in(dir, name, O_RDONLY, err);
    if (fd < 0)
        return -1;
    char *room = buf_room(out, out->max);
    ssize_t n = room ? read(fd, room, out->max) : -1;
    if (n < 0)
        return err_errno(err, "cannot read %s in %s", name, dir);
    buf_grew(out, (size_t)n);
    return 0;
}

int bundle_kind(const char *dir, language_t *language, runtime_t *runtime, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    if (read_file(dir, "config.json", &text, err) < 0)
        return -1;
    cJSON *json = cJSON_Parse(buf_str(&text));
    const cJSON *notes = cJSON_GetObjectItemCaseSensitive(json, "annotations");
    const char *l = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notes, OCI_LANGUAGE));
    const char *r = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notes, OCI_RUNTIME));
    int found_l = l ? language_parse(l) : -1, found_r = r ? runtime_parse(r) : -1;
    cJSON_Delete(json);
    if (found_l < 0 || found_r < 0)
        return err_set(err, ERR_INVALID, "%s does not tell what it is", dir);
    *language = (language_t)found_l;
    *runtime = (runtime_t)found_r;
    return 0;
}

int bundle_pid(const char *dir, pid_t *pid, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(32);
    int64_t number;
    if (read_file(dir, "pid", &text, err) < 0)
        return -1;
    const char *line = buf_str(&text);
    text.data[strcspn(line, "\n")] = '\0';
    if (str_int(line, 2, INT32_MAX, &number, err) < 0)
        return err_wrap(err, "%s/pid", dir);
    *pid = (pid_t)number;
    return 0;
}

int bundle_filter(const char *dir, const char *id, buf_t *out, err_t *err)
{
    char state[BUNDLE_PATH + ENGINE_NAME + 8];
    cleanup_buf buf_t filter = BUF_INIT(FILTER_MAX);
    snprintf(state, sizeof state, "%s/state/%s", dir, id);
    if (read_file(state, "seccomp.bpf", &filter, err) < 0)
        return -1;
    size_t room = sodium_base64_ENCODED_LEN(filter.len, sodium_base64_VARIANT_ORIGINAL);
    char *text = filter.len ? buf_room(out, room) : NULL;
    if (!text)
        return err_set(err, ERR_INTERNAL, "there is no compiled filter");
    sodium_bin2base64(text, room, (const unsigned char *)filter.data, filter.len,
                      sodium_base64_VARIANT_ORIGINAL);
    buf_grew(out, room - 1);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int bundle_remove(const char *dir, err_t *err)
{
    if (nftw(dir, remove_entry, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove %s", dir);
    return 0;
}
