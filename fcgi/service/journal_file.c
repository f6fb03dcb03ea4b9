#include "service/journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"

enum { SET_ASIDE_MAX = 8, TRIES = 3 };

static const char SEGMENT[] = ".seg", BEGUN[] = ".new", SET_ASIDE[] = ".bad";

int journal_dir_open(const char *home, err_t *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/journal", home) >= (int)sizeof path)
        return err_set(err, ERR_INVALID, "home is too long");
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make %s", path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_errno(err, "cannot open %s", path) : dir;
}

// ---- names

static void name_of(const char *id, const char *ending, char out[JOURNAL_NAME])
{
    snprintf(out, JOURNAL_NAME, "%.*s%s", ID_TEXT - 1, id, ending);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t len = strlen(name), tail = strlen(ending);
    return len > tail && str_eq(name + len - tail, ending);
}

// Calls `each` for every file with this ending.
static int for_each(int dir, const char *ending, void (*each)(int dir, const char *name, void *ctx),
                    void *ctx, err_t *err)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    if (!files) {
        err_errno(err, "cannot read the journal's directory");
        fd_close(&fd);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(files));)
        if (ends_in(entry->d_name, ending))
            each(dir, entry->d_name, ctx);
    closedir(files);
    return 0;
}

// ---- making

static int write_start(journal_file_t *file, err_t *err)
{
    uint8_t start[SEGMENT_START];
    segment_begin(start, &file->key);
    file->done = file->end = SEGMENT_START;
    ssize_t n = pwrite(file->fd, start, sizeof start, 0);
    if (n == sizeof start)
        return 0;
    if (n >= 0)
        errno = ENOSPC;
    return err_errno(err, "cannot begin a segment of the journal");
}

// Until the lock is held the file has a name that nobody adopts; who finds such a file without a lock
// removes it, and then the last step fails.
static int make(int dir, journal_file_t *file, err_t *err)
{
    char id[ID_TEXT], begun[JOURNAL_NAME];
    id_new(id);
    name_of(id, BEGUN, begun);
    name_of(id, SEGMENT, file->name);
    file->fd = openat(dir, begun, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return err_errno(err, "cannot make a segment of the journal");
    fault_at("journal: segment made");
    if (flock(file->fd, LOCK_EX | LOCK_NB) < 0)
        err_errno(err, "cannot lock a segment of the journal");
    else if (write_start(file, err) == 0) {
        fault_at("journal: segment begun");
        if (renameat(dir, begun, dir, file->name) == 0)
            return 0;
        err_errno(err, "cannot name a segment of the journal");
    }
    unlinkat(dir, begun, 0);
    fd_close(&file->fd);
    return -1;
}

journal_file_t *journal_file_new(int dir, err_t *err)
{
    journal_file_t *file = calloc(1, sizeof *file);
    if (!file) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int tries = 0; tries < TRIES; tries++)
        if (make(dir, file, err) == 0)
            return file;
    free(file);
    return NULL;
}

journal_file_t *journal_file_new_in_memory(err_t *err)
{
    journal_file_t *file = calloc(1, sizeof *file);
    if (!file) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    file->fd = memfd_create("journal", MFD_CLOEXEC);
    if (file->fd >= 0 && write_start(file, err) == 0)
        return file;
    if (file->fd < 0)
        err_errno(err, "cannot make a segment in memory");
    fd_close(&file->fd);
    free(file);
    return NULL;
}

// ---- adopting

// Opens a file that nobody holds, and holds it; -1 when that cannot be had.
static int seize(int dir, const char *name, struct stat *st)
{
    struct stat there;
    cleanup_close int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, st) < 0)
        return -1;
    // Its owner may have removed or renamed it before the lock was ours.
    if (fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0 || there.st_ino != st->st_ino ||
        !S_ISREG(st->st_mode))
        return -1;
    return fd_take(&fd);
}

static void remove_begun(int dir, const char *name, void *ctx)
{
    struct stat st;
    (void)ctx;
    cleanup_close int fd = seize(dir, name, &st);
    if (fd >= 0)
        unlinkat(dir, name, 0);
}

static void adopt_one(int dir, const char *name, void *ctx)
{
    journal_file_t **list = ctx;
    struct stat st;
    uint8_t start[SEGMENT_START];
    segment_note_t note;
    err_t err;
    cleanup_close int fd = seize(dir, name, &st);
    journal_file_t *file = fd < 0 || strlen(name) >= JOURNAL_NAME ? NULL : calloc(1, sizeof *file);
    if (!file)
        return;
    fault_at("journal: segment seized");
    file->fd = fd_take(&fd);
    str_copy(file->name, sizeof file->name, name);
    ssize_t n = pread(file->fd, start, sizeof start, 0);
    file->sealed = true;
    file->done = SEGMENT_START;
    file->end = st.st_size > SEGMENT_START ? (uint64_t)st.st_size : SEGMENT_START;
    file->oldest_us = (int64_t)st.st_mtim.tv_sec * 1000000;
    if (segment_open(start, n < 0 ? 0 : (size_t)n, &file->key, &err) < 0) {
        log_fail(LOG_ERROR, "a segment of the journal cannot be read and is set aside", &err,
                 "segment", name, NULL);
        file->broken = true;
        file->done = file->end;
        journal_file_close(dir, file);
        return;
    }
    if (file->end > SEGMENT_START && segment_note_read(&file->key, start + SEGMENT_NOTE_AT, &note))
        file->records = note.records;
    file->next = *list;
    *list = file;
}

journal_file_t *journal_file_adopt(int dir)
{
    journal_file_t *list = NULL;
    err_t err;
    if (for_each(dir, BEGUN, remove_begun, NULL, &err) < 0 ||
        for_each(dir, SEGMENT, adopt_one, &list, &err) < 0)
        log_fail(LOG_WARN, "left-over segments of the journal are not replayed", &err, NULL);
    return list;
}

// ---- records

int journal_file_append(journal_file_t *file, char *record, size_t body_len, err_t *err)
{
    size_t len = SEGMENT_HEAD + body_len;
    segment_frame(&file->key, file->end, record, body_len);
    ssize_t n;
    do
        n = pwrite(file->fd, record, len, (off_t)file->end);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len) {
        fault_at("journal: record written");
        if (!file->records++)
            file->oldest_us = clock_wall_us();
        file->end += len;
        return 0;
    }
    if (n >= 0)
        errno = ENOSPC;
    err_errno(err, "cannot write to the journal");
    // Half a record would be stepped over as well; this keeps the file free of it.
    if (n > 0 && ftruncate(file->fd, (off_t)file->end) < 0)
        file->broken = true;
    return -1;
}

static int read_window(const journal_file_t *file, size_t len, buf_t *window, err_t *err)
{
    buf_reset(window);
    char *room = buf_room(window, len);
    if (!room)
        return err_set(err, ERR_UNAVAILABLE, "out of memory");
    size_t got = 0;
    for (ssize_t n = 1; n > 0 && got < len; got += (size_t)n) {
        n = pread(file->fd, room + got, len - got, (off_t)(file->done + got));
        if (n < 0)
            return err_errno(err, "cannot read the journal");
    }
    memset(room + got, 0, len - got); // was cut: reads as no record
    buf_grew(window, len);
    return 0;
}

// Finds the records of the window; 0, or the window's length that the first record needs.
static size_t parse(const journal_file_t *file, uint64_t limit, journal_batch_t *batch)
{
    const buf_t *window = &batch->window;
    bool last = file->done + window->len == limit;
    size_t at = 0;
    batch->count = batch->skipped = 0;
    while (at < window->len && batch->count < JOURNAL_BATCH_RECORDS) {
        const char *body;
        size_t len;
        segment_result_t result = segment_read(&file->key, file->done + at, window->data + at,
                                               window->len - at, &body, &len);
        if (result == SEGMENT_SHORT && !last) {
            if (at == 0)
                return SEGMENT_HEAD + len;
            break;
        }
        if (result == SEGMENT_WHOLE) {
            batch->bodies[batch->count].data = body;
            batch->bodies[batch->count++].len = len;
            at += SEGMENT_HEAD + len;
        } else {
            batch->skipped++;
            at++;
        }
    }
    batch->upto = file->done + at;
    return 0;
}

int journal_file_read(const journal_file_t *file, uint64_t limit, journal_batch_t *batch,
                      err_t *err)
{
    size_t need = JOURNAL_BATCH_BYTES;
    while (need) {
        uint64_t left = limit - file->done;
        if (read_window(file, left < need ? (size_t)left : need, &batch->window, err) < 0)
            return -1;
        need = parse(file, limit, batch);
    }
    return 0;
}

int journal_file_clear(journal_file_t *file, err_t *err)
{
    if (fault_at("journal: segment done") || ftruncate(file->fd, SEGMENT_START) < 0)
        return err_errno(err, "cannot cut a segment of the journal");
    file->done = file->end = SEGMENT_START;
    file->records = 0;
    return 0;
}

void journal_file_note(const journal_file_t *file)
{
    uint8_t bytes[SEGMENT_NOTE];
    const segment_note_t note = {.done = file->done,
                                 .records = file->records,
                                 .oldest_us = file->records ? file->oldest_us : 0};
    segment_note_write(&file->key, &note, bytes);
    // What is not told is not lost.
    ssize_t n = pwrite(file->fd, bytes, sizeof bytes, SEGMENT_NOTE_AT);
    (void)n;
}

// ---- the end of a file

typedef struct {
    int count;
    char oldest[JOURNAL_NAME];
} aside_t;

static void count_aside(int dir, const char *name, void *ctx)
{
    aside_t *aside = ctx;
    (void)dir;
    aside->count++;
    if (!aside->oldest[0] || strcmp(name, aside->oldest) < 0)
        str_copy(aside->oldest, sizeof aside->oldest, name);
}

static void set_aside(int dir, const char *name)
{
    char bad[JOURNAL_NAME];
    aside_t aside = {0};
    name_of(name, SET_ASIDE, bad);
    if (renameat(dir, name, dir, bad) < 0)
        return;
    if (for_each(dir, SET_ASIDE, count_aside, &aside, NULL) == 0 && aside.count > SET_ASIDE_MAX)
        unlinkat(dir, aside.oldest, 0);
}

void journal_file_close(int dir, journal_file_t *file)
{
    if (!journal_file_in_memory(file) && file->done == file->end) {
        fault_at("journal: segment finished");
        if (file->broken)
            set_aside(dir, file->name);
        else
            unlinkat(dir, file->name, 0);
    }
    fd_close(&file->fd);
    free(file);
}

// ---- for onlookers

static void add_depth(int dir, const char *name, void *ctx)
{
    journal_depth_t *depth = ctx;
    uint8_t start[SEGMENT_START];
    segment_key_t key;
    segment_note_t note;
    struct stat st;
    cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    depth->segments++;
    ssize_t n = pread(fd, start, sizeof start, 0);
    if (segment_open(start, n < 0 ? 0 : (size_t)n, &key, NULL) < 0 ||
        !segment_note_read(&key, start + SEGMENT_NOTE_AT, &note))
        return;
    uint64_t size = (uint64_t)st.st_size;
    depth->records += note.records;
    depth->bytes += size > note.done ? size - note.done : 0;
    int64_t age_ms = note.oldest_us ? (clock_wall_us() - note.oldest_us) / 1000 : 0;
    if (age_ms > depth->oldest_ms)
        depth->oldest_ms = age_ms;
}

static void count_one(int dir, const char *name, void *ctx)
{
    int *count = ctx;
    (void)dir;
    (void)name;
    ++*count;
}

int journal_dir_depth(int dir, journal_depth_t *out, err_t *err)
{
    *out = (journal_depth_t){0};
    if (for_each(dir, SEGMENT, add_depth, out, err) < 0)
        return -1;
    return for_each(dir, SET_ASIDE, count_one, &out->set_aside, err);
}
