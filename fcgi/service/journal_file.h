// The journal's files: segments in one directory, each owned by the process that holds its flock, and
// segments in memory for when the directory takes no more.
//
// A process makes <id>.seg files for itself and may adopt those that nobody holds: their owners died.
// What could not be read whole ends as <id>.bad, of which a few are kept. For service/journal*.c only;
// locking is the caller's.
#ifndef CLOCHE_SERVICE_JOURNAL_FILE_H
#define CLOCHE_SERVICE_JOURNAL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/ids.h"
#include "core/segment.h"
#include "service/journal.h"

enum {
    JOURNAL_NAME = ID_TEXT + 4,
    // In one transaction. Where all processors are busy each of its questions and answers waits for one, a
    // millisecond and more: with 256 the database took half of the records of short calls.
    JOURNAL_BATCH_RECORDS = 1024,
    JOURNAL_BATCH_BYTES = 1024 * 1024, // more only for a single record that is longer
};

typedef struct journal_file {
    struct journal_file *next;
    int fd;
    char name[JOURNAL_NAME]; // "": in memory
    segment_key_t key;
    uint64_t done;     // up to here everything is in the database, or unreadable
    uint64_t end;      // of what was appended
    uint64_t records;  // between the two; of an adopted file what its owner last noted
    int64_t oldest_us; // when the oldest of them was appended, wall clock; as near as we know
    bool sealed;       // nothing is appended any more
    bool broken;       // to be set aside, not removed
} journal_file_t;

static inline bool journal_file_in_memory(const journal_file_t *file)
{
    return !file->name[0];
}

// The directory <home>/journal, made when it is missing. A descriptor, or -1.
int journal_dir_open(const char *home, err_t *err) MUSTCHECK;

// A new, empty segment of ours; NULL on failure.
journal_file_t *journal_file_new(int dir, err_t *err) MUSTCHECK;
journal_file_t *journal_file_new_in_memory(err_t *err) MUSTCHECK;

// Takes over every segment that nobody holds, sealed and unread, into a list.
journal_file_t *journal_file_adopt(int dir);

// Appends a record with one write(2): SEGMENT_HEAD bytes of room, then the body. On failure the file is
// as it was.
int journal_file_append(journal_file_t *file, char *record, size_t body_len, err_t *err) MUSTCHECK;

// Some whole records, in the order they were appended. Start with JOURNAL_BATCH_INIT.
typedef struct {
    struct {
        const char *data; // in `window`
        size_t len;
    } bodies[JOURNAL_BATCH_RECORDS];
    size_t count;
    uint64_t upto;    // what of the file is dealt with once they are in the database
    uint64_t skipped; // bytes among them that are no record
    buf_t window;
} journal_batch_t;

#define JOURNAL_BATCH_INIT ((journal_batch_t){.window = BUF_INIT(SEGMENT_HEAD + SEGMENT_BODY_MAX)})

// Reads a batch that begins at `done` and ends at `limit` at the latest. Steps over what is no record,
// byte by byte, to the next one. ERR_INTERNAL when the file cannot be read, ERR_UNAVAILABLE when
// there is no memory.
int journal_file_read(const journal_file_t *file, uint64_t limit, journal_batch_t *batch,
                      err_t *err) MUSTCHECK;

// Forgets all records: they are in the database.
int journal_file_clear(journal_file_t *file, err_t *err) MUSTCHECK;
// Tells onlookers how far we are.
void journal_file_note(const journal_file_t *file);

// Ends with a file: removes it when all of it is done, else leaves it for whoever comes next. Frees it.
void journal_file_close(int dir, journal_file_t *file);

// Of all processes, as far as their notes tell.
int journal_dir_depth(int dir, journal_depth_t *out, err_t *err) MUSTCHECK;

#endif
