// The journal from the inside; for service/journal*.c only.
#ifndef CLOCHE_SERVICE_JOURNAL_STATE_H
#define CLOCHE_SERVICE_JOURNAL_STATE_H

#include <limits.h>
#include <pthread.h>

#include "service/journal.h"
#include "service/journal_file.h"

// A call that waits until its record is in the database. On the caller's stack.
typedef struct journal_waiter {
    struct journal_waiter *next;
    const journal_file_t *file;
    uint64_t end; // of its record
    bool done;
} journal_waiter_t;

struct journal {
    char home[PATH_MAX];
    journal_limits_t limits;
    db_pool_t *pool;
    pthread_t writer;
    pthread_mutex_t lock;   // guards all below
    pthread_cond_t work;    // for the writer
    pthread_cond_t settled; // for waiters: something was committed, or the database is away

    // Callers append to the active file only. Files leave the list, and their `done` moves, by the
    // writer alone.
    journal_file_t *files;  // oldest first
    journal_file_t *active; // one of them, or NULL
    int dir;                // -1: not open
    bool fallen_back;       // records go into memory
    int64_t disk_retry_ns;

    journal_waiter_t *waiters;
    bool armed;     // due_ns is set
    int64_t due_ns; // when the writer shall begin with what came last
    bool failing;   // the database took nothing the last time
    bool stopping;
    int64_t stop_by_ns;
};

void *journal_writer_main(void *journal);

static inline bool journal_file_pending(const journal_file_t *file)
{
    return file->done < file->end;
}

#endif
