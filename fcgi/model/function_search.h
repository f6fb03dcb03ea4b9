// Search of functions; for model/function*.c and those who write functions.
//
// A function's name, route and description are kept in `function_search`, folded, a narrow row for each, and
// the written ones are packed into blocks: what stands in none of a block's texts is told from one row
// (sql/0011_function_search_blocks.sql). A search that may be found in few blocks reads only those, and what
// is in none yet; one that may be in many finds a page's worth soon, in whatever order it reads.
#ifndef CLOCHE_MODEL_FUNCTION_SEARCH_H
#define CLOCHE_MODEL_FUNCTION_SEARCH_H

#include "model/function.h"
#include "model/query.h"

enum {
    SEARCH_BLOCK = 64, // functions
    SEARCH_BLOCKS = 24,
    SEARCH_FOLDED = 2 * FUNCTION_SEARCH_MAX, // folding makes no character that much longer
};

typedef struct {
    char text[SEARCH_FOLDED]; // folded like the texts that are searched
    size_t len;
    bool narrow; // only these blocks can have it, and what is newer than the last of them
    int64_t blocks[SEARCH_BLOCKS];
    int count;
} function_search_t;

// Prepares the search for a text; without `everything` the blocks are left alone, because they tell about
// functions of all owners.
int function_search_for(db_t *db, const char *text, bool everything, function_search_t *out,
                        err_t *err) MUSTCHECK;

// Adds the condition on `s`, the table `function_search`. `search` must outlive the query.
void function_search_where(query_t *q, const function_search_t *search);

// Within the transaction that wrote the function.
int function_search_keep(db_t *db, const char *id, err_t *err) MUSTCHECK;

// Packs a block if enough functions are in none: 1; 0 if there are too few, or somebody else is at it.
// To be called after a write was committed.
int function_search_pack(db_t *db, err_t *err) MUSTCHECK;

#endif
