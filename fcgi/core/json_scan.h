// The strict check of JSON text, and a walk over the members of an object that
// has passed it. For core/json*.c only.
#ifndef CLOCHE_CORE_JSON_SCAN_H
#define CLOCHE_CORE_JSON_SCAN_H

#include "core/json.h"

// What keeps well-formed JSON from being taken: NUL, a lone surrogate or invalid UTF-8 in a string.
typedef struct {
    const char *rule; // "must not ...", NULL: no flaw
    const char *at;   // of the first one
} json_flaw_t;

// Like json_check, but leaves a flaw to the caller, who can say which field it is in.
int json_scan(const char *text, size_t len, json_flaw_t *flaw, err_t *err);

// Bytes of the UTF-8 character at p, 0 if there is none.
size_t json_utf8_len(const char *p, size_t left);

typedef struct {
    json_raw_t key; // with its quotes
    json_raw_t value;
    const char *at, *end; // what is left of the object
} json_member_t;

// Sets out to walk over the members of checked text; -1 if it is not an object.
int json_members(const char *text, size_t len, json_member_t *m);
// Steps to the next member; false when there is none.
bool json_member_next(json_member_t *m);

#endif
