// Where finished invocations go: into a file before the call is answered, and from there, in batches, into
// the database.
//
// To append is one write(2) and no sync: a record survives the end of any process at once, and a power cut
// once the database has it (see docs/records.md). A writer thread inserts within 100 ms of the append,
// tries again while the database is away, and first of all replays what dead processes left. A record is
// counted once however often it is inserted.
//
// When files cannot be written, records go into memory, and their calls wait a moment for the database.
#ifndef CLOCHE_SERVICE_JOURNAL_H
#define CLOCHE_SERVICE_JOURNAL_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "model/invocation.h"

typedef struct journal journal_t;

typedef struct {
    uint64_t segment_bytes; // of a file, unless a single record is longer
    uint64_t total_bytes;   // of this process's files; 0: nothing is recorded at all
} journal_limits_t;

#define JOURNAL_LIMITS(mb) \
    ((journal_limits_t){.segment_bytes = 16 << 20, .total_bytes = (uint64_t)(mb) << 20})

// Starts the writer. Files are in <home>/journal; a directory that cannot be used is no failure. The pool
// is borrowed, must outlive the journal, and needs a connection for the writer alone.
int journal_open(const char *home, journal_limits_t limits, db_pool_t *pool, journal_t **out,
                 err_t *err) MUSTCHECK;
// Inserts what is left, for a few seconds at most; the rest stays for the next start. No other thread
// may use the journal any more.
void journal_close(journal_t *journal);

// Keeps the record. Does not wait for the database unless there is no file to write to; a record that
// could not be kept is named in the log. Thread-safe.
void journal_record(journal_t *journal, const invocation_t *inv);

// The same, and waits until the record can be read from the database: for at most a second, and not while
// the database is known to be away.
void journal_record_sync(journal_t *journal, const invocation_t *inv);

typedef struct {
    uint64_t records, bytes; // not yet in the database
    int64_t oldest_ms;       // how long ago the oldest of them was appended; 0: none
    int segments, set_aside; // files
} journal_depth_t;

// What of all processes waits for the database, as far as they have told.
int journal_depth(journal_t *journal, journal_depth_t *out, err_t *err) MUSTCHECK;

#endif
