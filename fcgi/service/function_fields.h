// The fields of a function between JSON and function_t, by the table in model/function_table.h. For
// service/functions.c and its tests.
#ifndef CLOCHE_SERVICE_FUNCTION_FIELDS_H
#define CLOCHE_SERVICE_FUNCTION_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/json.h"
#include "model/function.h"

// Which parts of a function a write touches.
typedef enum {
    TOUCHES_NOTHING,
    TOUCHES_STATUS, // only: no new version
    TOUCHES_SETTINGS,
} touches_t;

// Reads a body into *f and checks everything that can be checked without the database. `whole`: what is
// left out gets its default, or is required if it has none; else it stays, but for the note, which is
// about one version. ERR_INVALID_JSON, ERR_INVALID with *errors filled; *f is then not to be used, but
// to be freed.
int function_fields_read(const char *body, size_t len, bool whole, function_t *f,
                         touches_t *touches, field_errors_t *errors, err_t *err) MUSTCHECK;

// Adds each field as a member of the object that is being written: all, those that lists show, or those
// that make a version.
typedef enum { FIELDS_ALL, FIELDS_LISTED, FIELDS_VERSION } fields_shown_t;
void function_fields_json(const function_t *f, fields_shown_t shown, buf_t *out);

// What the second version of a function changed against the first, or its first one (`was` is NULL)
// against nothing.
int function_fields_compare(const function_t *was, const function_t *f, function_changes_t *out,
                            err_t *err) MUSTCHECK;

#endif
