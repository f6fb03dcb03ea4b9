// The lease protocol: messages between a worker thread and the keeper, one SOCK_SEQPACKET packet each.
//
// Both ends are ours and on one machine, so a message is a plain struct with fixed-width members. The
// keeper still checks every field of what it reads: a worker that was broken into must gain nothing but
// cells; what it sends as yes or no is a byte, because a bool that holds neither is undefined. A thread
// has one connection and at most one lease on it. docs/protocol.md has the sequences.
#ifndef CLOCHE_CORE_LEASE_H
#define CLOCHE_CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ids.h"
#include "core/languages.h"

enum { LEASE_VERSION = 3, LEASE_FDS = 3 };

typedef enum { RUNTIME_DOCKER, RUNTIME_GVISOR, RUNTIME_COUNT } runtime_t;
typedef enum { ISOLATION_REQUEST, ISOLATION_FUNCTION, ISOLATION_COUNT } isolation_t;
typedef enum { START_COLD, START_PREWARMED, START_WARM, START_COUNT } start_t;

// Names as in the API ("python", "gvisor", ...); the _parse functions return -1 for unknown names.
const char *language_name(language_t v);
const char *runtime_name(runtime_t v);
const char *isolation_name(isolation_t v);
const char *start_name(start_t v);
int language_parse(const char *text);
int runtime_parse(const char *text);
int isolation_parse(const char *text);
int start_parse(const char *text);

// name, number, direction ('>' worker to keeper, '<' keeper to worker)
#define LEASE_MESSAGES(X)                                                                          \
    X(MSG_LEASE, 1, '>')   /* ask for a cell */                                                    \
    X(MSG_CANCEL, 2, '>')  /* the client left; may cross a GRANT, which then wants a RELEASE */    \
    X(MSG_RELEASE, 3, '>') /* done with the cell */                                                \
    X(MSG_HOLD, 4, '>')    /* after a keeper restart: this cell is in use, its sockets are here */ \
    X(MSG_CHANGED, 5, '>') /* a function was written or deleted */                                 \
    X(MSG_STATUS, 6, '>')  /* ask for the counts that health and `status` show */                  \
    X(MSG_CODE, 7, '>')    /* answer to NEED_CODE; carries one sealed memfd: the INIT frame */     \
    X(MSG_GRANT, 10, '<')  /* a cell; carries three sockets: control, stdout, stderr */            \
    X(MSG_BUSY, 11, '<')   /* no cell in time (503), or max_concurrency reached (429) */           \
    X(MSG_FAILED, 12, '<') /* no cell can be made */                                               \
    X(MSG_STALE, 13, '<')  /* the row that the request was made from is not the newest */          \
    X(MSG_GONE, 14, '<')   /* the function was deleted */                                          \
    X(MSG_KILLED, 15, '<') /* deadline or memory: the cell is dead; RELEASE still follows */       \
    X(MSG_USAGE, 16, '<')  /* answer to RELEASE, and to a CANCEL in time */                        \
    X(MSG_ACK, 17, '<')    /* answer to CHANGED, HOLD */                                           \
    X(MSG_COUNTS, 18, '<') /* answer to STATUS */                                                  \
    X(MSG_LAUNCHING, 19, '<') /* to a LEASE, before its answer: a cell is being made for it */     \
    X(MSG_NEED_CODE, 20, '<') /* after a GRANT: the INIT frame of this lease is wanted */          \
    X(MSG_TERM, 21, '<')      /* after a GRANT: until when other calls may have the cell, too */

typedef enum {
#define X(name, number, direction) name = number,
    LEASE_MESSAGES(X)
#undef X
} lease_type_t;

// Why a lease could not be had (FAILED) or a cell was ended (KILLED).
typedef enum {
    WHY_NONE,
    WHY_TIMEOUT, // KILLED: the deadline
    WHY_OOM,     // KILLED: memory
    WHY_RUNTIME, // FAILED: this runtime is not on this machine
    WHY_ENGINE,  // FAILED: the engine refused or does not answer
} lease_why_t;

// The keeper counts the writes to all functions: each begins a new edition of the routes, in which another
// function than before may be the right one for a path.
enum {
    EDITION_ANY = 0,     // of a request whose function was not found by a path
    EDITION_UNKNOWN = 1, // older than all
};

typedef struct {
    char request_id[ID_TEXT];
    char function_id[ID_TEXT];
    int64_t revision;
    int64_t edition;                      // the newest that was known when the row was read
    uint8_t language, runtime, isolation; // language_t, runtime_t, isolation_t
    uint8_t check_revision;               // 0 when an older version is run on purpose
    uint32_t memory_mb;
    uint32_t cpu_millis; // 1000 is one core
    uint32_t disk_mb;
    uint32_t timeout_ms; // counts from the GRANT
    uint32_t max_concurrency;
} lease_request_t;

typedef struct {
    char cell[ID_TEXT];
    uint8_t start;       // start_t
    bool prepared;       // code is loaded: send INVOKE only
    int64_t deadline_ns; // CLOCK_MONOTONIC
} lease_grant_t;

// A worker may give the cell to further calls of the same function and revision, one at a time, that begin
// before the term ends; each has the function's whole timeout. Carries the files of the cell's meter, so that
// the worker reads what each of them took: cpu, and peak where there is one.
typedef struct {
    int64_t until_ns; // CLOCK_MONOTONIC
    int64_t edition; // the present one: calls that were found by a path in an older one have to ask
    uint32_t calls;  // at most, with that of the GRANT
    uint8_t v2;      // of which version the files are
    int64_t cpu_before_us; // readings at the GRANT: as in RELEASE
    int64_t peak_before;
} lease_term_t;

typedef struct {
    int64_t cpu_us;            // CPU time of the cell since the GRANT, or what RELEASE named
    int64_t memory_peak_bytes; // -1: not known for this call; never that of an earlier one
    bool oom;                  // the kernel killed at least one of its processes for memory
    uint8_t killed;            // lease_why_t: what the keeper ended it for, WHY_NONE if nothing
    int32_t exit_status;       // wait status of the cell's first process, -1 while unknown
} lease_usage_t;

typedef struct {
    bool available; // this runtime works on this machine
    uint32_t ready, creating, prepared, leased, idle;
} lease_pool_t;

typedef struct {
    lease_pool_t pools[LANG_COUNT][RUNTIME_COUNT];
    uint32_t cells, max_cells, queued;
    bool engine_ok;                           // the engine answered its last call
    bool missing[RUNTIME_COUNT];              // the engine does not have this runtime
    char why[LANG_COUNT][RUNTIME_COUNT][160]; // the last cell could not be made; "": it could
} lease_counts_t;

typedef struct {
    char cell[ID_TEXT];
    uint8_t reusable;      // its runner says that it is clean, and nothing speaks against it
    uint8_t ended;         // its control socket is at its end: the exit status is worth a moment
    uint32_t calls;        // that had the cell; more than one only within a term, and then:
    int64_t cpu_before_us; // what the meter said when the last one got it
    int64_t peak_before;   // peak memory that is an earlier call's, -1 for none
} lease_release_t;

typedef struct {
    char cell[ID_TEXT], function_id[ID_TEXT];
    int64_t deadline_ns; // CLOCK_MONOTONIC
} lease_hold_t;

typedef struct {
    char function_id[ID_TEXT];
    int64_t revision;
    uint8_t deleted;
} lease_changed_t;

typedef struct {
    uint16_t status; // 429 or 503
    uint32_t retry_after_s;
} lease_busy_t;

typedef struct {
    uint8_t why; // lease_why_t
    char text[160];
} lease_failed_t;

typedef struct {
    int64_t edition; // the present one
} lease_stale_t;

typedef struct {
    uint8_t why; // lease_why_t
} lease_killed_t;

// The member that a message uses is named after its type.
typedef struct {
    uint8_t version; // LEASE_VERSION
    uint8_t type;    // lease_type_t
    union {
        lease_request_t lease;
        lease_release_t release;
        lease_hold_t hold;
        lease_changed_t changed;
        lease_grant_t grant;
        lease_busy_t busy;
        lease_failed_t failed;
        lease_stale_t stale;
        lease_killed_t killed;
        lease_term_t term;
        lease_usage_t usage;
        lease_counts_t counts;
    };
} lease_msg_t;

// Connects to the keeper's socket, non-blocking; close with close(2). -1: ERR_UNAVAILABLE when there is no
// keeper or it takes no connections.
int lease_connect(const char *path, int *fd, err_t *err) MUSTCHECK;

// Sends one message without blocking, with `nfds` descriptors (0 to LEASE_FDS), which stay open here.
// -1: ERR_CLOSED when the peer is gone or does not read.
int lease_send(int fd, const lease_msg_t *msg, const int *fds, int nfds, err_t *err) MUSTCHECK;

// Receives one message without blocking: 1 got one, 0 none there, -1 ERR_CLOSED or ERR_PROTOCOL.
// Descriptors that came along are close-on-exec and the caller's; fds[] holds -1 where none came. Text members are always terminated.
int lease_recv(int fd, lease_msg_t *msg, int fds[LEASE_FDS], err_t *err) MUSTCHECK;

#endif
