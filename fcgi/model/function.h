// Functions and their versions: the structs and their SQL.
//
// The row in `functions` carries the current settings and code, so that a route look-up is one read;
// `function_versions` keeps every version. `revision` counts every write, `version` every write but of
// the status. Readers see only rows that `access` allows: another's id and an unknown id are both
// ERR_NOT_FOUND.
#ifndef CLOCHE_MODEL_FUNCTION_H
#define CLOCHE_MODEL_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/lease.h"
#include "core/route.h"
#include "db/db.h"
#include "model/access.h"

enum {
    FUNCTION_NAME_TEXT = 65,
    FUNCTION_HANDLER_TEXT = 129,
    FUNCTION_LIST_MAX = 100,   // rows of a page
    FUNCTION_SEARCH_MAX = 200, // bytes
    FUNCTION_CODE_MAX = 1024 * 1024,
    FUNCTION_NOTE_MAX = 1024,
};

typedef enum { VISIBILITY_PUBLIC, VISIBILITY_PRIVATE, VISIBILITY_COUNT } visibility_t;
typedef enum { EVENT_INPUT, EVENT_HTTP, EVENT_COUNT } event_t;
typedef enum { FUNCTION_ACTIVE, FUNCTION_DISABLED, FUNCTION_STATUS_COUNT } function_status_t;
// Inputs kept with the records: of `execute` only, always, never.
typedef enum { RECORD_EXECUTE, RECORD_ALL, RECORD_NONE, RECORD_COUNT } record_input_t;

// bit, name
#define METHODS(X)                 \
    X(METHOD_GET, 1, "GET")        \
    X(METHOD_HEAD, 2, "HEAD")      \
    X(METHOD_POST, 4, "POST")      \
    X(METHOD_PUT, 8, "PUT")        \
    X(METHOD_PATCH, 16, "PATCH")   \
    X(METHOD_DELETE, 32, "DELETE") \
    X(METHOD_OPTIONS, 64, "OPTIONS")

typedef enum {
#define X(name, bit, text) name = bit,
    METHODS(X)
#undef X
        METHOD_ALL = 127,
} method_t;

// Words as in the API, ended by NULL, in the order of the enums.
extern const char *const LANGUAGE_WORDS[],
    *const RUNTIME_WORDS[], *const ISOLATION_WORDS[], *const VISIBILITY_WORDS[],
                                                          *const EVENT_WORDS[],
                                                              *const RECORD_WORDS[],
                                                                  *const FUNCTION_STATUS_WORDS[];

const char *method_name(method_t method);
int method_parse(const char *text); // the bit, or -1

typedef struct {
    char id[ID_TEXT];
    char owner_id[ID_TEXT];
    char owner[USERNAME_TEXT]; // the owner's name
    char name[FUNCTION_NAME_TEXT];
    char route[ROUTE_TEXT];
    language_t language;
    runtime_t runtime;
    isolation_t isolation;
    visibility_t access;
    event_t event;
    uint32_t methods;                    // METHOD_ bits
    char handler[FUNCTION_HANDLER_TEXT]; // "": found by convention
    int64_t timeout_ms;
    int64_t memory_mb;
    int64_t cpu_millis; // 1000 is one core
    int64_t disk_mb;
    int64_t max_concurrency;
    record_input_t record_input;
    char *description;   // never NULL in a row that was read
    char *input_example; // JSON text, NULL if none
    char *code;          // NULL in lists
    size_t code_len;
    char *note; // of this version; never NULL in a row that was read
    int64_t version;
    int64_t revision;
    function_status_t status;
    int64_t created_us, updated_us; // microseconds since 1970
} function_t;

// Frees what the struct points to, not the struct; leaves it empty.
void function_free(function_t *f);
#define cleanup_function __attribute__((cleanup(function_free)))

int function_copy(const function_t *f, function_t *out, err_t *err) MUSTCHECK;

// What a version changed against the one before.
typedef struct {
    char fields[500]; // JSON list of field names; "": not known, nor are the lines
    int64_t lines_added, lines_removed; // of code
} function_changes_t;

// Within a transaction: inserts the function as revision 1 and its version 1, and sets both numbers and the
// times in *f; the rest is the caller's to fill. ERR_NAME_TAKEN, ERR_ROUTE_TAKEN.
int function_insert(db_t *db, const access_t *author, function_t *f,
                    const function_changes_t *changes, err_t *err) MUSTCHECK;

// Within a transaction: others who write this function wait until it ends. ERR_NOT_FOUND
int function_lock(db_t *db, const access_t *access, const char *id, err_t *err) MUSTCHECK;

// Within a transaction: writes the whole function over revision f->revision, and sets the new revision
// and time in *f. With `changes` it becomes a new version; NULL: only the status differs. ERR_STALE when
// the row has moved on, ERR_NOT_FOUND when it went, ERR_NAME_TAKEN, ERR_ROUTE_TAKEN; *f is then as it was.
int function_update(db_t *db, const access_t *access, function_t *f,
                    const function_changes_t *changes, err_t *err) MUSTCHECK;

// `revision` < 0 deletes any; else ERR_STALE when it is not the current one.
int function_delete(db_t *db, const access_t *access, const char *id, int64_t revision,
                    err_t *err) MUSTCHECK;

// One function that `access` may use with `scope`.
int function_get(db_t *db, const access_t *access, scope_t scope, const char *id, function_t *out,
                 err_t *err) MUSTCHECK;

// Whether a function is there that `access` may use with `scope`, or was there and has been called: its metrics
// and records may be read. ERR_NOT_FOUND
int function_known(db_t *db, const access_t *access, scope_t scope, const char *id,
                   err_t *err) MUSTCHECK;

// The function that answers the path, any owner's and any status; ERR_NO_ROUTE when none does.
int function_by_path(db_t *db, const route_path_t *path, function_t *out, err_t *err) MUSTCHECK;

typedef struct {
    const char *q; // part of name, route or description, at most FUNCTION_SEARCH_MAX; NULL: any
    int language;  // -1: any; so below
    int runtime;
    int status;
    const char
        *sort; // name, created_at or updated_at, "-" before it for descending; NULL: -created_at
    int limit; // 1 to FUNCTION_LIST_MAX
    const char *cursor; // from the page before; NULL: the first page
} function_filter_t;

#define FUNCTION_FILTER \
    ((function_filter_t){.language = -1, .runtime = -1, .status = -1, .limit = 50})

typedef struct {
    function_t *items; // without code
    size_t count;
    char next[CURSOR_TEXT]; // "" on the last page
} function_page_t;

void function_page_free(function_page_t *page);
#define cleanup_function_page __attribute__((cleanup(function_page_free)))

// ERR_INVALID for an unknown sort or a cursor that is not from this list.
int function_list(db_t *db, const access_t *access, const function_filter_t *filter,
                  function_page_t *out, err_t *err) MUSTCHECK;

#endif
