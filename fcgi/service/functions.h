// Functions as the API sees them: the rules of their fields, and what creating, changing, reading and
// deleting them does. All of the fields are in one table, model/function_table.c.
//
// After a write that succeeds the caller tells the keeper (CHANGED, with id and revision of *out)
// before it answers, so that the next request runs the new revision.
#ifndef CLOCHE_SERVICE_FUNCTIONS_H
#define CLOCHE_SERVICE_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/json.h"
#include "db/db.h"
#include "model/access.h"
#include "model/function.h"
#include "model/function_version.h"

enum {
    // A body may escape every byte of the code ("\u0001").
    FUNCTION_BODY_MAX = 6 * FUNCTION_CODE_MAX + 1024 * 1024,
};

typedef struct {
    db_pool_t *pool;
    const config_t *config;
} functions_t;

// Any revision will do: If-Match was not sent, or is `*`.
#define FUNCTION_ANY_REVISION ((int64_t)-1)

// Each takes the JSON body and fills *out (free with function_free) with what is now stored. Errors:
// ERR_INVALID_JSON, ERR_INVALID with `errors` filled, ERR_NAME_TAKEN, ERR_ROUTE_TAKEN, ERR_NOT_FOUND,
// ERR_STALE, ERR_UNAVAILABLE; nothing is stored then.
int functions_create(const functions_t *fs, const access_t *access, const char *body, size_t len,
                     function_t *out, field_errors_t *errors, err_t *err) MUSTCHECK;
// What is left out gets its default.
int functions_replace(const functions_t *fs, const access_t *access, const char *id,
                      int64_t revision, const char *body, size_t len, function_t *out,
                      field_errors_t *errors, err_t *err) MUSTCHECK;
// What is left out stays.
int functions_patch(const functions_t *fs, const access_t *access, const char *id, int64_t revision,
                    const char *body, size_t len, function_t *out, field_errors_t *errors,
                    err_t *err) MUSTCHECK;
// Body: {version, note?}. Settings and code of that version again, as a new version; the status stays.
int functions_rollback(const functions_t *fs, const access_t *access, const char *id,
                       int64_t revision, const char *body, size_t len, function_t *out,
                       field_errors_t *errors, err_t *err) MUSTCHECK;
int functions_delete(const functions_t *fs, const access_t *access, const char *id,
                     int64_t revision, err_t *err) MUSTCHECK;

// `scope` is what the caller wants it for: SCOPE_FUNCTIONS_READ, SCOPE_INVOKE, ...
int functions_get(const functions_t *fs, const access_t *access, scope_t scope, const char *id,
                  function_t *out, err_t *err) MUSTCHECK;
int functions_list(const functions_t *fs, const access_t *access, const function_filter_t *filter,
                   function_page_t *out, err_t *err) MUSTCHECK;

// ERR_NOT_FOUND
int functions_get_version(const functions_t *fs, const access_t *access, const char *id,
                          int64_t version, function_version_t *out, err_t *err) MUSTCHECK;
// ERR_NOT_FOUND, ERR_INVALID
int functions_versions(const functions_t *fs, const access_t *access, const char *id, int limit,
                       const char *cursor, function_version_page_t *out, err_t *err) MUSTCHECK;

// Appends the function as JSON, with or without its code, as a value in a list or on top.
void functions_json(const functions_t *fs, const function_t *f, bool with_code, buf_t *out);

// Appends a version as JSON: about it, and when `full` also every setting and the code.
void functions_version_json(const function_version_t *v, bool full, buf_t *out);

// The ETag of a function, quoted: "\"7\"". And back: an If-Match header's value (NULL when not sent)
// to a revision; ERR_STALE for one that no function has. A weak tag (W/"7") is as good as a strong one: a proxy
// that compresses answers makes it so, and a revision names one state whatever its bytes (RFC 9110, 8.8.1).
enum { FUNCTION_ETAG = 24 };
void functions_etag(const function_t *f, char out[FUNCTION_ETAG]);
int functions_if_match(const char *header, int64_t *revision, err_t *err) MUSTCHECK;

#endif
