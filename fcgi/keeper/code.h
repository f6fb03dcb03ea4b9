// The code of functions that are called often: for each function and runtime the INIT frame of its newest
// revision, as a worker handed it over in a sealed memory file, and how often the function is called.
// Bounded in number and bytes: what is unused for longest goes first.
#ifndef CLOCHE_KEEPER_CODE_H
#define CLOCHE_KEEPER_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/err.h"
#include "core/lease.h"
#include "keeper/heat.h"

enum { CODE_KEY = ID_TEXT + 1 };

typedef struct {
    char key[CODE_KEY];   // function id and runtime
    lease_request_t want; // of the revision: what its cells must be fit for
    heat_t heat;
    int fd; // the memory file, -1 while it is not here
    size_t size;
    bool asked;        // a worker was, and has not answered yet
    bool script;       // it cannot be loaded ahead of a request
    bool quick;        // it loads so fast that this is not worth while
    unsigned failures; // in a row
    int64_t retry_ns;  // not loaded before this
    int64_t short_ns;  // since when it has too few prepared cells, 0 while it does not
    uint32_t have;     // cells prepared or being prepared; counted anew when looked at
    UT_hash_handle hh; // by key, the longest unused first
} code_t;

typedef struct {
    code_t *by_key;
    size_t bytes, max_bytes;
} codes_t;

void codes_open(codes_t *all, size_t max_bytes);
void codes_free(codes_t *all);

// What is known of the code that this request runs, or NULL. Of another revision it may be.
code_t *codes_find(codes_t *all, const char *function_id, runtime_t runtime);
// Finds or makes it, and counts it as used now. A newer revision takes the place of an older one, whose
// code is dropped. NULL for a revision that is older than the known one, and when out of memory.
code_t *codes_use(codes_t *all, const lease_request_t *want);

// Takes the memory file over. -1 and closed: ERR_PROTOCOL when it is not sealed against every change, or
// has no size that an INIT frame can have.
int codes_store(codes_t *all, code_t *code, int fd, err_t *err) MUSTCHECK;
// Lets go of the code, and of what was learned of it; how often it is called stays.
void codes_drop(codes_t *all, code_t *code);
void codes_remove(codes_t *all, code_t *code);

#endif
