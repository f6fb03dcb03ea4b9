#include "core/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json_scan.h"

static const double EXACT = 9007199254740991.0; // 2^53 - 1: whole numbers up to here are exact

int field_errors_add(field_errors_t *errors, const char *field, const char *fmt, ...)
{
    if (errors->count == FIELD_ERRORS_MAX)
        return -1;
    field_error_t *e = &errors->items[errors->count++];
    str_copy(e->field, sizeof e->field, field);
    e->field[str_utf8_cut(e->field, strlen(e->field))] = '\0';
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
    e->message[str_utf8_cut(e->message, strlen(e->message))] = '\0';
    return -1;
}

void json_input_free(json_input_t *in)
{
    cJSON_Delete(in->kept);
    in->kept = NULL;
}

cJSON *json_take(json_input_t *in, const cJSON *tree)
{
    return cJSON_DetachItemViaPointer(in->kept, (cJSON *)(uintptr_t)tree);
}

void json_cleanup_fn(cJSON **tree)
{
    cJSON_Delete(*tree);
}

cJSON *json_parse(const char *text, size_t len, err_t *err)
{
    if (json_check(text, len, err) < 0)
        return NULL;
    cJSON *tree = cJSON_ParseWithLength(text, len);
    if (!tree)
        err_set(err, ERR_INTERNAL, "out of memory");
    return tree;
}

// One field of one object, while it is read.
typedef struct {
    json_input_t *in;
    const json_field_t *field;
    json_raw_t value;
    void *member;
} slot_t;

static int wrong(const slot_t *s, const char *rule)
{
    return field_errors_add(&s->in->errors, s->field->name, "%s", rule);
}

static bool bounded(const json_field_t *f)
{
    return f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0;
}

// Makes a tree of a value that was checked, and keeps it with the input.
static cJSON *keep(json_input_t *in, json_raw_t value)
{
    if (!in->kept)
        in->kept = cJSON_CreateArray();
    cJSON *tree = in->kept ? cJSON_ParseWithLength(value.text, value.len) : NULL;
    if (tree)
        cJSON_AddItemToArray(in->kept, tree);
    return tree;
}

static int read_text(const slot_t *s, const cJSON *tree)
{
    const json_field_t *f = s->field;
    if (!cJSON_IsString(tree))
        return wrong(s, "must be a string");
    const char *text = tree->valuestring;
    size_t len = strlen(text);
    if (bounded(f) && (double)len < f->min)
        return f->min > 1 ? field_errors_add(&s->in->errors, f->name,
                                             "must have at least %.0f bytes", f->min)
                          : wrong(s, "must not be empty");
    if (bounded(f) && (double)len > f->max)
        return field_errors_add(&s->in->errors, f->name, "must have at most %.0f bytes", f->max);
    const char *broken = f->check ? f->check(text) : NULL;
    if (broken)
        return wrong(s, broken);
    *(const char **)s->member = text;
    return 0;
}

// Most values of JSON_INT and JSON_BOOL are these, and need no tree.
static bool plain_int(json_raw_t value, double *out)
{
    enum { DIGITS_MAX = 15 }; // all of which a double can hold
    if (!value.len || value.len > DIGITS_MAX)
        return false;
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            return false;
        *out = *out * 10 + (value.text[i] - '0');
    }
    return true;
}

static bool plain_bool(json_raw_t value, bool *out)
{
    if (value.text[0] != 't' && value.text[0] != 'f')
        return false;
    *out = value.text[0] == 't';
    return true;
}

static int take_number(const slot_t *s, double value)
{
    const json_field_t *f = s->field;
    bool whole = f->kind == JSON_INT;
    if (whole && (fabs(value) > EXACT || trunc(value) < value || trunc(value) > value))
        return wrong(s, "must be a whole number");
    if (bounded(f) && (value < f->min || value > f->max))
        return field_errors_add(&s->in->errors, f->name, "must be from %.15g to %.15g", f->min,
                                f->max);
    if (whole)
        *(int64_t *)s->member = (int64_t)value;
    else
        *(double *)s->member = value;
    return 0;
}

static int read_number(const slot_t *s, const cJSON *tree)
{
    if (!cJSON_IsNumber(tree))
        return wrong(s, s->field->kind == JSON_INT ? "must be a whole number" : "must be a number");
    return take_number(s, tree->valuedouble);
}

static int read_word(const slot_t *s, const cJSON *tree)
{
    cleanup_buf buf_t rule = BUF_INIT(128);
    buf_adds(&rule, "must be one of ");
    for (int i = 0; s->field->words[i]; i++) {
        if (cJSON_IsString(tree) && str_eq(tree->valuestring, s->field->words[i])) {
            *(int *)s->member = i;
            return 0;
        }
        buf_addf(&rule, "%s%s", i ? ", " : "", s->field->words[i]);
    }
    return wrong(s, buf_str(&rule));
}

static int read_tree(const slot_t *s, const cJSON *tree)
{
    const json_field_t *f = s->field;
    if (f->kind == JSON_OBJECT && !cJSON_IsObject(tree))
        return wrong(s, "must be an object");
    if (f->kind == JSON_LIST) {
        if (!cJSON_IsArray(tree))
            return wrong(s, "must be a list");
        int size = cJSON_GetArraySize(tree);
        if (bounded(f) && (size < f->min || size > f->max))
            return field_errors_add(&s->in->errors, f->name, "must have from %.0f to %.0f items",
                                    f->min, f->max);
    }
    *(const cJSON **)s->member = tree;
    return 0;
}

static void read_null(const slot_t *s)
{
    switch (s->field->kind) {
    case JSON_TEXT:
    case JSON_LIST:
    case JSON_OBJECT:
        *(const void **)s->member = NULL;
        return;
    case JSON_INT:
        *(int64_t *)s->member = 0;
        return;
    case JSON_REAL:
        *(double *)s->member = 0;
        return;
    case JSON_BOOL:
        *(bool *)s->member = false;
        return;
    case JSON_WORD:
        *(int *)s->member = -1;
        return;
    case JSON_RAW:
        *(json_raw_t *)s->member = (json_raw_t){NULL, 0};
        return;
    }
}

// The longest text that the value of a field can have and still be right.
static size_t most_bytes(const json_field_t *f)
{
    if (f->bytes)
        return f->bytes;
    if (f->kind == JSON_RAW)
        return SIZE_MAX;
    if (f->kind == JSON_TEXT && bounded(f))
        return 6 * (size_t)f->max + 2; // "\u0001" is one byte
    return f->kind == JSON_TEXT ? SIZE_MAX : JSON_SMALL;
}

// Returns -1 only when out of memory; what breaks a rule is added to the errors.
static int read_value(const slot_t *s, err_t *err)
{
    const json_field_t *f = s->field;
    if (s->value.text[0] == 'n') {
        if (f->nullable)
            read_null(s);
        else if (f->kind == JSON_RAW)
            *(json_raw_t *)s->member = s->value;
        else
            wrong(s, "must not be null");
        return 0;
    }
    if (s->value.len > most_bytes(f)) {
        size_t most = f->kind == JSON_TEXT && !f->bytes ? (size_t)f->max : most_bytes(f);
        field_errors_add(&s->in->errors, f->name, "must have at most %zu bytes", most);
        return 0;
    }
    if (f->kind == JSON_RAW) {
        *(json_raw_t *)s->member = s->value;
        return 0;
    }
    double number;
    if (f->kind == JSON_INT && plain_int(s->value, &number)) {
        take_number(s, number);
        return 0;
    }
    if (f->kind == JSON_BOOL && plain_bool(s->value, s->member))
        return 0;
    const cJSON *tree = keep(s->in, s->value);
    if (!tree)
        return err_set(err, ERR_INTERNAL, "out of memory");
    switch (f->kind) {
    case JSON_TEXT:
        read_text(s, tree);
        break;
    case JSON_INT:
    case JSON_REAL:
        read_number(s, tree);
        break;
    case JSON_BOOL:
        wrong(s, "must be true or false");
        break;
    case JSON_WORD:
        read_word(s, tree);
        break;
    default:
        read_tree(s, tree);
    }
    return 0;
}

static int read_member(json_input_t *in, const json_member_t *m, const json_field_t *fields,
                       size_t count, void *out, err_t *err)
{
    const cJSON *decoded = NULL;
    json_raw_t key = {m->key.text + 1, m->key.len - 2}; // without its quotes
    if (memchr(key.text, '\\', key.len)) {
        decoded = keep(in, m->key);
        if (!decoded)
            return err_set(err, ERR_INTERNAL, "out of memory");
        key = (json_raw_t){decoded->valuestring, strlen(decoded->valuestring)};
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(fields[i].name) != key.len || memcmp(fields[i].name, key.text, key.len) != 0)
            continue;
        in->given |= UINT64_C(1) << i;
        slot_t slot = {in, &fields[i], m->value, (char *)out + fields[i].offset};
        return read_value(&slot, err);
    }
    char name[sizeof in->errors.items[0].field];
    snprintf(name, sizeof name, "%.*s", (int)(key.len < sizeof name ? key.len : sizeof name - 1),
             key.text);
    field_errors_add(&in->errors, name, "is not a field of this call");
    return 0;
}

// Says which field the flaw is in; one outside the values makes the text no JSON for us.
static int refuse_flaw(json_input_t *in, const char *text, const json_member_t *first,
                       const json_flaw_t *flaw, err_t *err)
{
    json_member_t m = *first;
    while (json_member_next(&m)) {
        if (flaw->at < m.value.text || flaw->at >= m.value.text + m.value.len)
            continue;
        char name[sizeof in->errors.items[0].field];
        snprintf(name, sizeof name, "%.*s", (int)(m.key.len - 2), m.key.text + 1);
        field_errors_add(&in->errors, name, "%s", flaw->rule);
        return err_set(err, ERR_INVALID, "%s %s", name, flaw->rule);
    }
    return err_set(err, ERR_INVALID_JSON, "not JSON at byte %zu: %s", (size_t)(flaw->at - text),
                   flaw->rule);
}

int json_read(json_input_t *in, const char *text, size_t len, const json_field_t *fields,
              size_t count, void *out, err_t *err)
{
    json_flaw_t flaw;
    if (json_scan(text, len, &flaw, err) < 0)
        return -1;
    json_member_t member = {0};
    if (json_members(text, len, &member) < 0)
        return err_set(err, ERR_INVALID_JSON, "must be a JSON object");
    if (flaw.rule)
        return refuse_flaw(in, text, &member, &flaw, err);
    while (in->errors.count < FIELD_ERRORS_MAX && json_member_next(&member))
        if (read_member(in, &member, fields, count, out, err) < 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (fields[i].required && !json_given(in, i))
            field_errors_add(&in->errors, fields[i].name, "is required");
    if (in->errors.count)
        return err_set(err, ERR_INVALID, "%s %s", in->errors.items[0].field,
                       in->errors.items[0].message);
    return 0;
}
