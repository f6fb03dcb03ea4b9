// Versions of functions: every change of code or settings keeps one. They go with their function.
#ifndef CLOCHE_MODEL_FUNCTION_VERSION_H
#define CLOCHE_MODEL_FUNCTION_VERSION_H

#include "model/function.h"

enum { VERSION_LIST_MAX = 100 }; // rows of a page

typedef struct {
    // As it was then; id, owner, revision and status are the current ones. In lists only version and
    // note are filled.
    function_t function;
    char author[USERNAME_TEXT];
    int64_t created_us;
    function_changes_t changes;
    int64_t code_bytes;
} function_version_t;

void function_version_free(function_version_t *v);
#define cleanup_function_version __attribute__((cleanup(function_version_free)))

// The function as of a version, to show it, run it or roll back to it. ERR_NOT_FOUND
int function_get_version(db_t *db, const access_t *access, scope_t scope, const char *id,
                         int64_t version, function_version_t *out, err_t *err) MUSTCHECK;

typedef struct {
    function_version_t *items; // newest first
    size_t count;
    char next[CURSOR_TEXT]; // "" on the last page
} function_version_page_t;

void function_version_page_free(function_version_page_t *page);
#define cleanup_function_version_page __attribute__((cleanup(function_version_page_free)))

// A page of 1 to VERSION_LIST_MAX versions. ERR_NOT_FOUND; ERR_INVALID for a cursor that is not from
// this list.
int function_versions(db_t *db, const access_t *access, const char *id, int limit,
                      const char *cursor, function_version_page_t *out, err_t *err) MUSTCHECK;

#endif
