// JSON: a strict reader driven by tables of fields, and a writer over buf_t.
//
// Every text from outside is checked before cJSON sees it, because cJSON takes the first of duplicate
// keys, cuts strings at \u0000 and does not look at UTF-8. The check is RFC 8259 to the letter, and
// refuses duplicate keys (compared unescaped), NUL, lone surrogates, numbers that are no finite double
// and nesting over JSON_DEPTH. It does not recurse.
#ifndef CLOCHE_CORE_JSON_H
#define CLOCHE_CORE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    JSON_DEPTH = 256, // levels of arrays and objects
    JSON_NUMBER = 60, // characters of a number
    JSON_SMALL =
        64 * 1024, // bytes of an array or object that becomes a tree, unless its field says more
    FIELD_ERRORS_MAX = 16,
};

// ---- what is wrong with which field

typedef struct {
    char field[80];
    char message[160];
} field_error_t;

// The first FIELD_ERRORS_MAX; more are dropped. Zero-initialise.
typedef struct {
    field_error_t items[FIELD_ERRORS_MAX];
    size_t count;
} field_errors_t;

// `message` says the rule: "must be from 1 to 900000". Returns -1.
int field_errors_add(field_errors_t *errors, const char *field, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

// ---- reading

// A piece of checked JSON text, as it was written. Not NUL-terminated; text is NULL when not given.
typedef struct {
    const char *text;
    size_t len;
} json_raw_t;

// What a field may be, and the type of the member that receives it.
typedef enum {
    JSON_TEXT,   // const char *, owned by the json_input_t; min and max count bytes
    JSON_INT,    // int64_t; 3 and 3.0 and 3e0 are integers; exact up to 2^53
    JSON_REAL,   // double
    JSON_BOOL,   // bool
    JSON_WORD,   // int, index into `words`
    JSON_LIST,   // const cJSON *, an array; min and max count items
    JSON_OBJECT, // const cJSON *
    JSON_RAW, // json_raw_t, any value, never made into a tree; points into the text that was read
} json_kind_t;

typedef struct {
    const char *name;
    json_kind_t kind;
    size_t offset;            // of the member in the struct that is filled
    double min, max;          // inclusive; both 0: no bound
    size_t bytes;             // of the value's text, at most; 0: JSON_SMALL for lists and objects
    const char *const *words; // JSON_WORD: allowed words, ended by NULL
    // JSON_TEXT: NULL, or a check that returns NULL or the rule that is broken ("must be ...").
    const char *(*check)(const char *text);
    bool required;
    bool
        nullable; // null is taken as a value: the member is set to empty (NULL, 0, false, -1 for a word)
} json_field_t;

// What one json_read made: which fields were given, what is wrong, and the memory behind the texts.
// Zero-initialise; free with json_input_free.
typedef struct {
    uint64_t given; // bit i: fields[i] was there
    field_errors_t errors;
    cJSON *kept;
} json_input_t;

void json_input_free(json_input_t *in);
#define cleanup_json_input __attribute__((cleanup(json_input_free)))

// Hands a list or object that json_read put into a member to the caller, who frees it with cJSON_Delete.
cJSON *json_take(json_input_t *in, const cJSON *tree);

static inline bool json_given(const json_input_t *in, size_t index)
{
    return in->given >> index & 1;
}

// Reads an object by a table of at most 64 fields into the struct at `out`, whose members keep what
// they hold where a field is not given. Fails with ERR_INVALID_JSON, or with ERR_INVALID after listing
// every unknown, missing or wrong field in in->errors; `out` is then partly filled and not to be used.
// NUL, a lone surrogate or invalid UTF-8 inside a field's value is that field's error.
// Keys are compared exactly: "Name" is not "name". An empty text (len 0) is ERR_INVALID_JSON.
int json_read(json_input_t *in, const char *text, size_t len, const json_field_t *fields,
              size_t count, void *out, err_t *err) MUSTCHECK;

// 0 if the whole text is one JSON value that passes the check above, else -1 with ERR_INVALID_JSON.
int json_check(const char *text, size_t len, err_t *err) MUSTCHECK;

// Whether the text can be handed on as JSON, though not be made into a tree here: as json_check, but a string
// may have \u0000 or a lone surrogate in it, escaped.
bool json_passable(const char *text, size_t len);

// Checks, then makes a tree of it; for answers of our own parts and small inputs (a value takes about
// 64 bytes whatever its text). Free with cJSON_Delete, or mark the local cleanup_json. NULL on error.
cJSON *json_parse(const char *text, size_t len, err_t *err) MUSTCHECK;

void json_cleanup_fn(cJSON **tree);
#define cleanup_json __attribute__((cleanup(json_cleanup_fn)))

// ---- writing
//
// Commas are added where they belong, by looking at the last byte written: a writer starts in an empty
// buffer, after a newline, or inside a list or object begun here. `key` is NULL for values in lists and
// on top. Errors show up in the buffer (buf_failed).

void json_begin(buf_t *b, const char *key, char bracket); // '{' or '['
void json_end(buf_t *b, char bracket);                    // '}' or ']'
// Quoted and escaped; bytes that are not UTF-8 become U+FFFD. NULL is written as null.
void json_add_text(buf_t *b, const char *key, const char *text);
void json_add_textn(buf_t *b, const char *key, const char *text, size_t len);
void json_add_int(buf_t *b, const char *key, int64_t value);
void json_add_real(buf_t *b, const char *key, double value); // null when not finite
void json_add_bool(buf_t *b, const char *key, bool value);
void json_add_null(buf_t *b, const char *key);
// JSON text that is known to be valid.
void json_add_raw(buf_t *b, const char *key, const char *json, size_t len);
// Microseconds since 1970 as an RFC 3339 text.
void json_add_time(buf_t *b, const char *key, int64_t wall_us);
// Microseconds as a number of milliseconds ("12.345"), null when negative.
void json_add_ms(buf_t *b, const char *key, int64_t us);

#endif
