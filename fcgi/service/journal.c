#include "service/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "model/invocation_codec.h"
#include "service/journal_state.h"

enum {
    LINGER_MS = 75, // from an append to the insert: what comes meanwhile goes along
    SYNC_MS = 1000,
    FLUSH_MS = 3000, // at the end
    DISK_RETRY_MS = 1000,
    MEMORY_BYTES = 8 * 1024 * 1024,
    STACK_BYTES = 512 * 1024,
};

static const int64_t MS = 1000000;

// ---- which file to append to

static uint64_t held(const journal_t *j, bool in_memory)
{
    uint64_t bytes = 0;
    for (const journal_file_t *file = j->files; file; file = file->next)
        if (journal_file_in_memory(file) == in_memory)
            bytes += file->end;
    return bytes;
}

static void retire(journal_t *j)
{
    if (j->active)
        j->active->sealed = true;
    j->active = NULL;
}

static void activate(journal_t *j, journal_file_t *file)
{
    journal_file_t **last = &j->files;
    while (*last)
        last = &(*last)->next;
    *last = file;
    retire(j);
    j->active = file;
}

static void fall_back(journal_t *j, const err_t *why)
{
    j->disk_retry_ns = clock_mono_ns() + DISK_RETRY_MS * MS;
    if (!j->fallen_back)
        log_fail(LOG_ERROR, "the journal cannot be written; records wait in memory", why, NULL);
    j->fallen_back = true;
}

static journal_file_t *new_on_disk(journal_t *j, err_t *err)
{
    if (held(j, false) + j->limits.segment_bytes > j->limits.total_bytes) {
        err_set(err, ERR_LIMIT, "the journal holds as much as journal_mb allows");
        return NULL;
    }
    if (j->dir < 0)
        j->dir = journal_dir_open(j->home, err);
    return j->dir < 0 ? NULL : journal_file_new(j->dir, err);
}

static bool has_room(const journal_file_t *file, uint64_t len, uint64_t max)
{
    return file && (file->end + len <= max || file->end == SEGMENT_START);
}

// A file that takes `len` bytes more, or NULL.
static journal_file_t *choose(journal_t *j, uint64_t len, err_t *err)
{
    journal_file_t *active = j->active;
    bool in_memory = active && journal_file_in_memory(active);
    if (!in_memory && has_room(active, len, j->limits.segment_bytes))
        return active;
    journal_file_t *next = NULL;
    if (clock_mono_ns() >= j->disk_retry_ns) {
        next = new_on_disk(j, err);
        if (!next)
            fall_back(j, err);
    }
    if (!next && held(j, true) + len > MEMORY_BYTES) {
        err_set(err, ERR_LIMIT, "neither the journal nor memory takes more");
        return NULL;
    }
    if (!next && in_memory)
        return active;
    if (!next)
        next = journal_file_new_in_memory(err);
    if (next)
        activate(j, next);
    return next;
}

// ---- appending

static void tell_writer(journal_t *j)
{
    int64_t now = clock_mono_ns();
    if (!j->armed) {
        j->armed = true;
        j->due_ns = now + LINGER_MS * MS;
        pthread_cond_signal(&j->work);
    } else if (j->active->records == JOURNAL_BATCH_RECORDS) {
        j->due_ns = now;
        pthread_cond_signal(&j->work);
    }
}

static int append(journal_t *j, buf_t *record, err_t *err)
{
    enum { TRIES = 2 }; // on disk, in memory
    for (int tries = 0; tries < TRIES; tries++) {
        journal_file_t *file = choose(j, record->len, err);
        if (!file)
            return -1;
        if (journal_file_append(file, record->data, record->len - SEGMENT_HEAD, err) == 0) {
            if (j->fallen_back && !journal_file_in_memory(file)) {
                j->fallen_back = false;
                log_info("the journal is written again", NULL);
            }
            tell_writer(j);
            return 0;
        }
        fall_back(j, err);
        retire(j);
    }
    return -1;
}

static void forget_waiter(journal_t *j, const journal_waiter_t *waiter)
{
    journal_waiter_t **at = &j->waiters;
    while (*at && *at != waiter)
        at = &(*at)->next;
    if (*at)
        *at = waiter->next;
}

// Waits for what was appended last.
static void wait_for_commit(journal_t *j)
{
    journal_waiter_t waiter = {.next = j->waiters, .file = j->active, .end = j->active->end};
    int64_t until = clock_mono_ns() + SYNC_MS * MS;
    const struct timespec at = {until / 1000000000, until % 1000000000};
    // cppcheck-suppress autoVariables  // it leaves the list before we return
    j->waiters = &waiter;
    pthread_cond_signal(&j->work);
    int rc = 0;
    while (!waiter.done && !j->failing && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&j->settled, &j->lock, &at);
    forget_waiter(j, &waiter);
}

static void record(journal_t *j, const invocation_t *inv, bool sync)
{
    static const char head[SEGMENT_HEAD];
    cleanup_buf buf_t bytes = BUF_INIT(SEGMENT_HEAD + SEGMENT_BODY_MAX);
    err_t err;
    if (!j->limits.total_bytes)
        return;
    buf_add(&bytes, head, sizeof head);
    int rc = invocation_encode(inv, &bytes, &err);
    if (rc == 0) {
        pthread_mutex_lock(&j->lock);
        rc = append(j, &bytes, &err);
        if (rc == 0 && (sync || journal_file_in_memory(j->active)) && !j->failing)
            wait_for_commit(j);
        pthread_mutex_unlock(&j->lock);
    }
    if (rc < 0)
        log_fail(LOG_ERROR, "an invocation could not be recorded", &err, "invocation", inv->id,
                 "function", inv->function_id, "status", invocation_status_name(inv->status), NULL);
}

void journal_record(journal_t *journal, const invocation_t *inv)
{
    record(journal, inv, false);
}

void journal_record_sync(journal_t *journal, const invocation_t *inv)
{
    record(journal, inv, true);
}

int journal_depth(journal_t *journal, journal_depth_t *out, err_t *err)
{
    pthread_mutex_lock(&journal->lock);
    if (journal->dir < 0)
        journal->dir = journal_dir_open(journal->home, err);
    int dir = journal->dir;
    pthread_mutex_unlock(&journal->lock);
    return dir < 0 ? -1 : journal_dir_depth(dir, out, err);
}

// ---- begin and end

static void destroy(journal_t *j)
{
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->settled);
    pthread_mutex_destroy(&j->lock);
    fd_close(&j->dir);
    free(j);
}

static int start_writer(journal_t *j, err_t *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int failure = pthread_create(&j->writer, &attr, journal_writer_main, j);
    pthread_attr_destroy(&attr);
    if (!failure)
        return 0;
    errno = failure;
    return err_errno(err, "cannot start the journal's writer");
}

int journal_open(const char *home, journal_limits_t limits, db_pool_t *pool, journal_t **out,
                 err_t *err)
{
    err_t why;
    journal_t *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(err, ERR_INTERNAL, "out of memory");
    j->limits = limits;
    j->pool = pool;
    str_copy(j->home, sizeof j->home, home);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attr);
    pthread_cond_init(&j->settled, &attr);
    pthread_condattr_destroy(&attr);
    j->dir = journal_dir_open(home, &why);
    if (j->dir < 0)
        fall_back(j, &why);
    if (start_writer(j, err) < 0) {
        destroy(j);
        return -1;
    }
    *out = j;
    return 0;
}

static void log_count(log_level_t level, const char *msg, uint64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)count);
    log_line(level, msg, NULL, "records", text, NULL);
}

void journal_close(journal_t *journal)
{
    uint64_t kept = 0, lost = 0;
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    journal->stop_by_ns = clock_mono_ns() + FLUSH_MS * MS;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->writer, NULL);
    while (journal->files) {
        journal_file_t *file = journal->files;
        journal->files = file->next;
        *(journal_file_in_memory(file) ? &lost : &kept) += file->records;
        journal_file_close(journal->dir, file);
    }
    if (kept)
        log_count(LOG_WARN, "records stay in the journal for the next start", kept);
    if (lost)
        log_count(LOG_ERROR, "records in memory are lost", lost);
    destroy(journal);
}
