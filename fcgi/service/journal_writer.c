// The journal's writer: one thread that moves records from the files into the database.
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "model/invocation_codec.h"
#include "model/metric.h"
#include "service/journal_state.h"

enum {
    ADOPT_MS = 30000, // between two looks for segments whose owners died
    BACKOFF_MS = 50,  // after the first failure; then twice as long each time
    BACKOFF_MAX_MS = 1000,
    SYNC_FILES = 64,
    WINDOW_KEPT_BYTES = 512 * 1024, // a batch of short records; what a long one took is given back
};

static const int64_t MS = 1000000;

// ---- one batch

typedef struct {
    journal_batch_t read;
    invocation_t items[JOURNAL_BATCH_RECORDS];
    size_t count;
    bool broken; // something in it was no record, or one that the database will never take
} batch_t;

typedef struct {
    journal_t *journal;
    batch_t *batch; // one after another; empty between them. NULL where there was no memory
    int64_t adopt_ns, retry_ns;
    int backoff_ms;
} writer_t;

// The memory stays: with many calls a batch takes hundreds of kilobytes, many times a second.
static batch_t *batch_begin(writer_t *w, err_t *err)
{
    if (w->batch)
        return w->batch;
    w->batch = calloc(1, sizeof *w->batch);
    if (w->batch)
        w->batch->read = JOURNAL_BATCH_INIT;
    else
        err_set(err, ERR_UNAVAILABLE, "out of memory");
    return w->batch;
}

static void batch_end(batch_t *batch)
{
    buf_t window = batch->read.window;
    if (window.cap > WINDOW_KEPT_BYTES)
        buf_free(&window);
    for (size_t i = 0; i < batch->count; i++)
        invocation_free(&batch->items[i]);
    batch->read = (journal_batch_t){.window = window};
    batch->count = 0;
    batch->broken = false;
}

static void batch_free(batch_t *batch)
{
    if (batch)
        buf_free(&batch->read.window);
    free(batch);
}

static void log_skipped(const journal_file_t *file, uint64_t bytes, const err_t *why)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    log_line(LOG_ERROR, "a part of the journal is no record and is skipped", why, "segment",
             file->name, "bytes", text, NULL);
}

static int read_batch(const journal_file_t *file, uint64_t limit, batch_t *batch, err_t *err)
{
    journal_batch_t *read = &batch->read;
    if (journal_file_read(file, limit, read, err) < 0) {
        if (err->code == ERR_UNAVAILABLE)
            return -1;
        log_skipped(file, limit - file->done, err);
        read->count = 0;
        read->upto = limit;
        batch->broken = true;
        return 0;
    }
    if (read->skipped) {
        log_skipped(file, read->skipped, NULL);
        batch->broken = true;
    }
    for (size_t i = 0; i < read->count; i++) {
        if (invocation_decode(read->bodies[i].data, read->bodies[i].len,
                              &batch->items[batch->count], err) == 0) {
            batch->count++;
        } else {
            log_skipped(file, read->bodies[i].len, err);
            batch->broken = true;
        }
    }
    return 0;
}

typedef enum { STORED, FAILED, REFUSED } stored_t;

// One transaction. What counts a record exactly once stands between the insert and the commit, for the
// records that `inserted` marks: after a commit whose answer was lost they are no longer new. Metrics come
// last: writers wait for each other's rows, and so only as long as a commit takes.
static stored_t store(db_pool_t *pool, const invocation_t *items, size_t count, err_t *err)
{
    bool inserted[JOURNAL_BATCH_RECORDS];
    cleanup_db db_t *db = db_get(pool, err);
    if (!db || db_begin(db, err) < 0)
        return FAILED;
    fault_at("journal: transaction begun");
    if (invocation_insert(db, items, count, inserted, err) < 0)
        return db_value_refused(db) ? REFUSED : FAILED;
    fault_at("journal: batch inserted");
    if (metric_store(db, items, inserted, count, err) < 0)
        return FAILED;
    fault_at("journal: batch counted");
    if (db_commit(db, err) < 0)
        return FAILED;
    // As if the answer were lost.
    if (fault_at("journal: batch committed"))
        return FAILED;
    return STORED;
}

static int store_batch(db_pool_t *pool, batch_t *batch, err_t *err)
{
    stored_t result = batch->count ? store(pool, batch->items, batch->count, err) : STORED;
    for (size_t i = 0; result == REFUSED && i < batch->count; i++) {
        stored_t one = store(pool, &batch->items[i], 1, err);
        if (one == FAILED)
            return -1;
        if (one == STORED)
            continue;
        log_fail(LOG_ERROR, "the database refuses a record; its segment is set aside", err,
                 "invocation", batch->items[i].id, NULL);
        batch->broken = true;
    }
    return result == FAILED ? -1 : 0;
}

typedef struct {
    uint64_t limit;   // given: how far the file may be read
    int64_t began_us; // given: everything behind the limit was appended later
    uint64_t upto;    // how far it is dealt with
    uint64_t records; // in that part
    bool broken;
} outcome_t;

static int transfer(writer_t *w, const journal_file_t *file, outcome_t *outcome, err_t *err)
{
    batch_t *batch = batch_begin(w, err);
    if (!batch)
        return -1;
    int result = read_batch(file, outcome->limit, batch, err);
    if (result == 0)
        result = store_batch(w->journal->pool, batch, err);
    outcome->upto = batch->read.upto;
    outcome->records = batch->read.count;
    outcome->broken = batch->broken;
    batch_end(batch);
    return result;
}

// ---- after a batch; with the lock held

static void release_waiters(journal_t *j, const journal_file_t *file)
{
    for (journal_waiter_t *waiter = j->waiters; waiter; waiter = waiter->next)
        if (waiter->file == file && waiter->end <= file->done)
            waiter->done = true;
    pthread_cond_broadcast(&j->settled);
}

static void seal(journal_t *j, journal_file_t *file)
{
    file->sealed = true;
    if (j->active == file)
        j->active = NULL;
}

static void settle(writer_t *w, journal_file_t *file, const outcome_t *outcome)
{
    journal_t *j = w->journal;
    err_t err;
    file->done = outcome->upto;
    file->records -= outcome->records < file->records ? outcome->records : file->records;
    if (outcome->upto == outcome->limit)
        file->oldest_us = outcome->began_us; // what is left came after that
    if (outcome->broken) {
        file->broken = true;
        seal(j, file);
    }
    release_waiters(j, file);
    // An active file that is done begins anew, so that there is little to replay after a crash.
    if (!journal_file_pending(file) && !file->sealed && journal_file_clear(file, &err) < 0)
        seal(j, file);
    journal_file_note(file);
    if (j->failing)
        log_info("the database takes records again", NULL);
    j->failing = false;
    w->backoff_ms = BACKOFF_MS;
}

// While the database is away the files are all there is: they are brought to the disk.
static void sync_files(journal_t *j)
{
    int fds[SYNC_FILES], count = 0;
    pthread_mutex_lock(&j->lock);
    for (journal_file_t *file = j->files; file && count < SYNC_FILES; file = file->next) {
        journal_file_note(file);
        fds[count++] = file->fd;
    }
    pthread_mutex_unlock(&j->lock);
    while (count)
        fdatasync(fds[--count]);
}

static void give_way(writer_t *w, const err_t *why)
{
    journal_t *j = w->journal;
    if (!j->failing)
        log_fail(LOG_WARN, "the database takes no records; they wait in the journal", why, NULL);
    j->failing = true;
    pthread_cond_broadcast(&j->settled);
    w->retry_ns = clock_mono_ns() + w->backoff_ms * MS;
    w->backoff_ms = w->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : w->backoff_ms * 2;
}

// ---- the loop; with the lock held

static journal_file_t *first_pending(const journal_t *j)
{
    // Somebody waits for the newest; what a dead process left must not hold that up.
    if (j->waiters && j->active && journal_file_pending(j->active))
        return j->active;
    for (journal_file_t *file = j->files; file; file = file->next)
        if (journal_file_pending(file))
            return file;
    return NULL;
}

static void work(writer_t *w, journal_file_t *file)
{
    journal_t *j = w->journal;
    outcome_t outcome = {.limit = file->end, .began_us = clock_wall_us()};
    err_t err = {0};
    j->armed = false;
    pthread_mutex_unlock(&j->lock);
    int rc = transfer(w, file, &outcome, &err);
    if (rc < 0)
        sync_files(j);
    pthread_mutex_lock(&j->lock);
    if (rc < 0)
        give_way(w, &err);
    else
        settle(w, file, &outcome);
    if (!j->armed && first_pending(j)) {
        j->armed = true;
        j->due_ns = clock_mono_ns();
    }
}

static void remove_finished(journal_t *j)
{
    journal_file_t **at = &j->files;
    while (*at) {
        journal_file_t *file = *at;
        if (file->sealed && !journal_file_pending(file)) {
            *at = file->next;
            journal_file_close(j->dir, file);
        } else {
            at = &file->next;
        }
    }
}

static void adopt(writer_t *w)
{
    journal_t *j = w->journal;
    w->adopt_ns = clock_mono_ns() + ADOPT_MS * MS;
    int dir = j->dir;
    if (dir < 0)
        return;
    pthread_mutex_unlock(&j->lock);
    journal_file_t *found = journal_file_adopt(dir);
    pthread_mutex_lock(&j->lock);
    while (found) {
        journal_file_t *file = found;
        found = file->next;
        file->next = j->files;
        j->files = file;
        if (journal_file_pending(file))
            log_info("a segment of the journal is replayed", "segment", file->name, NULL);
    }
}

// When the writer has something to do next.
static int64_t next_ns(const writer_t *w)
{
    const journal_t *j = w->journal;
    if (!first_pending(j))
        return w->adopt_ns;
    bool at_once = j->stopping || j->waiters;
    int64_t at = at_once || j->due_ns < w->retry_ns ? w->retry_ns : j->due_ns;
    if (j->stopping && j->stop_by_ns < at)
        at = j->stop_by_ns;
    return at < w->adopt_ns ? at : w->adopt_ns;
}

void *journal_writer_main(void *journal)
{
    journal_t *j = journal;
    writer_t w = {.journal = j, .backoff_ms = BACKOFF_MS};
    pthread_mutex_lock(&j->lock);
    for (;;) {
        remove_finished(j);
        journal_file_t *file = first_pending(j);
        int64_t now = clock_mono_ns(), at = next_ns(&w);
        if (j->stopping && (!file || now >= j->stop_by_ns)) {
            break;
        } else if (now < at) {
            const struct timespec until = {at / 1000000000, at % 1000000000};
            pthread_cond_timedwait(&j->work, &j->lock, &until);
        } else if (now >= w.adopt_ns) {
            adopt(&w);
        } else {
            work(&w, file);
        }
    }
    pthread_mutex_unlock(&j->lock);
    batch_free(w.batch);
    return NULL;
}
