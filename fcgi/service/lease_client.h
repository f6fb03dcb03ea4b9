// A worker thread's end of the lease protocol (core/lease.h): one connection to the keeper, made at
// first use and again when the keeper was restarted. Not thread-safe: each thread has its own.
#ifndef CLOCHE_SERVICE_LEASE_CLIENT_H
#define CLOCHE_SERVICE_LEASE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/lease.h"

typedef struct {
    const char *path; // of the keeper's socket; borrowed
    int fd;           // -1 while there is no connection
    pid_t keeper;     // process the last connection led to; -1 before the first, 0: cannot be told
    bool restarted; // it may be another one than before: the next request for a cell is told STALE
    // Called while a request waits, when a cell is being made for it. May be NULL.
    void (*on_launching)(const void *ctx);
    const void *ctx;
} lease_client_t;

// What became of a request for a cell.
typedef enum {
    LEASE_GRANTED, // `grant` and `fds`
    LEASE_REFUSED, // `status` is 429 or 503: no cell in time
    LEASE_FAILED,  // `why` and `text`
    LEASE_STALE, // the row is not the newest, or may not be: a new keeper knows no revisions. `edition`
    LEASE_GONE,      // the function was deleted
    LEASE_CANCELLED, // the caller's client hung up
} lease_result_t;

typedef struct {
    lease_result_t result;
    lease_grant_t grant;
    int fds[LEASE_FDS]; // control, stdout, stderr: the caller's
    int status;
    int64_t edition; // the present one; 0 where the keeper was not asked
    lease_why_t why;
    char text[160];
} lease_outcome_t;

void lease_client_init(lease_client_t *c, const char *path);
void lease_client_close(lease_client_t *c);

// Waits for a cell until `give_up_ns` (CLOCK_MONOTONIC), through keeper restarts, while watching
// `client_fd` (-1: none) for a hang-up.
void lease_client_acquire(lease_client_t *c, const lease_request_t *request, int client_fd,
                          int64_t give_up_ns, lease_outcome_t *out);

// Takes a message that came while a cell is held: 1 got one, 0 none, -1 the connection is lost (closed
// here). Its descriptors are the caller's, -1 where none came; with fds NULL they are closed. Never blocks.
int lease_client_take(lease_client_t *c, lease_msg_t *msg, int fds[LEASE_FDS]);

// Exchanges the connections of two clients, and with them what is leased on each. The thread of the other one
// must be waiting for it.
void lease_client_swap(lease_client_t *a, lease_client_t *b);

// Answers a NEED_CODE with the INIT frame of the lease held here. Never blocks; false when it could not be
// handed over, and then another call's worker will be asked.
bool lease_client_give_code(lease_client_t *c, const void *frame, size_t len);

// After a lost connection: tells a new keeper which cell is held here. One try; false if it is not
// there yet.
bool lease_client_hold(lease_client_t *c, const char *cell, const char *function_id,
                       int64_t deadline_ns);

// Gives the cell back and asks what its last call cost. If it is reusable, its sockets are to be closed after
// this without another look. -1 when the keeper does not answer within a bound; it ends the cell by itself then.
int lease_client_release(lease_client_t *c, const lease_release_t *release, lease_usage_t *usage,
                         err_t *err) MUSTCHECK;

// Tells the keeper of a written or deleted function and waits for its ACK, bounded.
int lease_client_changed(lease_client_t *c, const char *function_id, int64_t revision, bool deleted,
                         err_t *err) MUSTCHECK;

int lease_client_counts(lease_client_t *c, lease_counts_t *counts, err_t *err) MUSTCHECK;

// Whether the peer of a socket has hung up.
bool socket_hung_up(int fd);

#endif
