// The fields of a function that can be set: one table of names, rules, defaults and places.
//
// It drives reading and checking a body and answering (service/function_fields.c), and the columns of
// `functions` and `function_versions` (model/function_*.c); html/openapi.json is tested against it.
#ifndef CLOCHE_MODEL_FUNCTION_TABLE_H
#define CLOCHE_MODEL_FUNCTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/function.h"

// How the member of a function_t holds it, and what that is in the API.
typedef enum {
    FIELD_CHARS,       // char[]; a string, null for "" where nullable
    FIELD_TEXT,        // char *, never NULL; a string
    FIELD_RAW,         // char *, NULL for null; any JSON value as it was written
    FIELD_INT,         // int64_t
    FIELD_THOUSANDTHS, // int64_t; a number
    FIELD_WORD,        // an enum; one of `words`
    FIELD_METHODS,     // METHOD_ bits; a list of strings
    FIELD_RECORD,      // record_input_t, stored as one of `words`; null, true or false
} field_kind_t;

typedef struct {
    const char *name;
    field_kind_t kind;
    size_t offset, size;      // of the member
    const char *column;       // NULL: like the name
    double min, max;          // bytes of a text, items of a list, or the number itself
    const char *const *words; // FIELD_WORD, FIELD_RECORD
    const char *preset;       // the default, as JSON; NULL: the field is required
    // Returns NULL or the rule that a text breaks ("must ...").
    const char *(*check)(const char *text);
    bool nullable;
    bool unlisted; // left out of lists
    bool live;     // of the function as it is, not of its versions
} function_field_t;

extern const function_field_t FUNCTION_FIELDS[];
extern const size_t FUNCTION_FIELD_COUNT;
enum { FUNCTION_FIELDS_MAX = 32 };

static inline const char *function_field_column(const function_field_t *field)
{
    return field->column ? field->column : field->name;
}

// The member of a function that the field is kept in.
static inline void *function_field_at(function_t *f, const function_field_t *field)
{
    return (char *)f + field->offset;
}

static inline const void *function_field_in(const function_t *f, const function_field_t *field)
{
    return (const char *)f + field->offset;
}

// Whether two functions differ in the field.
bool function_field_differs(const function_field_t *field, const function_t *a,
                            const function_t *b);

#endif
