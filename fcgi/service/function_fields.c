#include "service/function_fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/limits.h"
#include "core/route.h"
#include "model/function_table.h"
#include "service/lines.h"

enum { DEFAULTS_MAX = 2048 };

// ---- reading

// What the JSON reader makes of one field. Borrowed from its json_input_t.
typedef union {
    const char *text;
    int64_t whole;
    double real;
    int word;
    const cJSON *list;
    json_raw_t raw;
} value_t;

typedef struct {
    value_t values[FUNCTION_FIELDS_MAX];
} values_t;

static json_kind_t json_kind(field_kind_t kind)
{
    static const json_kind_t kinds[] = {
        [FIELD_CHARS] = JSON_TEXT,   [FIELD_TEXT] = JSON_TEXT,  [FIELD_RAW] = JSON_RAW,
        [FIELD_INT] = JSON_INT,      [FIELD_WORD] = JSON_WORD,  [FIELD_THOUSANDTHS] = JSON_REAL,
        [FIELD_METHODS] = JSON_LIST, [FIELD_RECORD] = JSON_RAW,
    };
    return kinds[kind];
}

static json_field_t json_rule(size_t i, bool whole)
{
    const function_field_t *field = &FUNCTION_FIELDS[i];
    return (json_field_t){
        .name = field->name,
        .kind = json_kind(field->kind),
        .offset = offsetof(values_t, values) + i * sizeof(value_t),
        .min = field->min,
        .max = field->max,
        .bytes = field->kind == FIELD_RAW ? (size_t)field->max : 0,
        .words = field->words,
        .check = field->check,
        .required = whole && !field->preset,
        .nullable = field->nullable && field->kind != FIELD_RECORD,
    };
}

static int read_values(json_input_t *in, const char *body, size_t len, bool whole, values_t *out,
                       err_t *err)
{
    json_field_t rules[FUNCTION_FIELDS_MAX];
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++)
        rules[i] = json_rule(i, whole);
    return json_read(in, body, len, rules, FUNCTION_FIELD_COUNT, out, err);
}

// A body of all defaults.
static void put_defaults(buf_t *out)
{
    json_begin(out, NULL, '{');
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        const function_field_t *field = &FUNCTION_FIELDS[i];
        if (field->preset)
            json_add_raw(out, field->name, field->preset, strlen(field->preset));
    }
    json_end(out, '}');
}

// null: inputs of `execute` are kept, those of routes are not; true: both; false: neither.
static const char *const RECORD_JSON[RECORD_COUNT] = {"null", "true", "false"};

static void take_record(json_raw_t given, record_input_t *out, field_errors_t *errors)
{
    for (int i = 0; i < RECORD_COUNT; i++) {
        if (strlen(RECORD_JSON[i]) == given.len && !memcmp(RECORD_JSON[i], given.text, given.len)) {
            *out = (record_input_t)i;
            return;
        }
    }
    field_errors_add(errors, "record_input", "must be true, false or null");
}

static void take_methods(const cJSON *list, uint32_t *out, field_errors_t *errors)
{
    const cJSON *item;
    *out = 0;
    cJSON_ArrayForEach (item, list) {
        int method = cJSON_IsString(item) ? method_parse(item->valuestring) : -1;
        if (method < 0) {
            field_errors_add(errors, "methods",
                             "must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
            return;
        }
        *out |= (uint32_t)method;
    }
}

static int replace(char **member, const char *text, size_t len, err_t *err)
{
    char *copy = text ? strndup(text, len) : NULL;
    if (text && !copy)
        return err_set(err, ERR_INTERNAL, "out of memory");
    free(*member);
    *member = copy;
    return 0;
}

static int take_value(const function_field_t *field, const value_t *value, function_t *f,
                      field_errors_t *errors, err_t *err)
{
    void *member = function_field_at(f, field);
    switch (field->kind) {
    case FIELD_CHARS:
        str_copy(member, field->size, value->text ? value->text : "");
        return 0;
    case FIELD_TEXT:
        return replace(member, value->text, strlen(value->text), err);
    case FIELD_RAW:
        return replace(member, value->raw.text, value->raw.len, err);
    case FIELD_INT:
        *(int64_t *)member = value->whole;
        return 0;
    case FIELD_THOUSANDTHS:
        *(int64_t *)member = lround(value->real * 1000);
        return 0;
    case FIELD_WORD:
        *(int *)member = value->word;
        return 0;
    case FIELD_METHODS:
        take_methods(value->list, member, errors);
        return 0;
    case FIELD_RECORD:
        take_record(value->raw, member, errors);
        return 0;
    }
    return 0;
}

// ---- rules of more than one value, or that a table cannot say

static void check_route(function_t *f, field_errors_t *errors)
{
    route_t route;
    err_t why;
    if (route_parse(f->route, &route, &why) < 0)
        field_errors_add(errors, "route", "%s", why.msg);
    else
        str_copy(f->route, sizeof f->route, route.text);
}

static void check_memory(const function_t *f, field_errors_t *errors)
{
    unsigned floor = limit_memory_floor_mb(f->language, f->runtime);
    if (f->memory_mb < floor)
        field_errors_add(errors, "memory_mb", "must be at least %u for %s on %s", floor,
                         LANGUAGE_WORDS[f->language], RUNTIME_WORDS[f->runtime]);
}

// Takes over what either of the inputs gave.
static int take(const values_t *values, uint64_t given, function_t *f, field_errors_t *errors,
                err_t *err)
{
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++)
        if (given >> i & 1 &&
            take_value(&FUNCTION_FIELDS[i], &values->values[i], f, errors, err) < 0)
            return -1;
    check_route(f, errors);
    check_memory(f, errors);
    if (errors->count)
        return err_set(err, ERR_INVALID, "%s %s", errors->items[0].field, errors->items[0].message);
    f->code_len = strlen(f->code);
    return 0;
}

static touches_t what_is_touched(uint64_t given)
{
    touches_t touches = TOUCHES_NOTHING;
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        if (given >> i & 1 && !FUNCTION_FIELDS[i].live)
            return TOUCHES_SETTINGS;
        if (given >> i & 1)
            touches = TOUCHES_STATUS;
    }
    return touches;
}

int function_fields_read(const char *body, size_t len, bool whole, function_t *f,
                         touches_t *touches, field_errors_t *errors, err_t *err)
{
    cleanup_json_input json_input_t in = {0}, base = {0};
    cleanup_buf buf_t defaults = BUF_INIT(DEFAULTS_MAX);
    values_t values = {0};
    put_defaults(&defaults);
    if (whole && read_values(&base, buf_str(&defaults), defaults.len, false, &values, err) < 0)
        return -1;
    if (read_values(&in, body, len, whole, &values, err) < 0) {
        *errors = in.errors;
        return -1;
    }
    *touches = what_is_touched(in.given);
    if (*touches == TOUCHES_SETTINGS && replace(&f->note, "", 0, err) < 0)
        return -1;
    return take(&values, in.given | base.given, f, errors, err);
}

// ---- answering

static void add_methods(buf_t *out, const char *key, uint32_t methods)
{
    json_begin(out, key, '[');
    for (uint32_t bit = 1; bit <= METHOD_ALL; bit <<= 1)
        if (methods & bit)
            json_add_text(out, NULL, method_name((method_t)bit));
    json_end(out, ']');
}

static void add_raw(buf_t *out, const char *key, const char *json)
{
    if (json)
        json_add_raw(out, key, json, strlen(json));
    else
        json_add_null(out, key);
}

static void add_field(buf_t *out, const function_field_t *field, const function_t *f)
{
    const void *member = function_field_in(f, field);
    const char *chars = member;
    switch (field->kind) {
    case FIELD_CHARS:
        json_add_text(out, field->name, chars[0] || !field->nullable ? chars : NULL);
        break;
    case FIELD_TEXT:
        json_add_text(out, field->name, *(char *const *)member);
        break;
    case FIELD_RAW:
        add_raw(out, field->name, *(char *const *)member);
        break;
    case FIELD_INT:
        json_add_int(out, field->name, *(const int64_t *)member);
        break;
    case FIELD_THOUSANDTHS:
        json_add_real(out, field->name, (double)*(const int64_t *)member / 1000);
        break;
    case FIELD_WORD:
        json_add_text(out, field->name, field->words[*(const int *)member]);
        break;
    case FIELD_METHODS:
        add_methods(out, field->name, *(const uint32_t *)member);
        break;
    case FIELD_RECORD:
        add_raw(out, field->name, RECORD_JSON[*(const int *)member]);
        break;
    }
}

void function_fields_json(const function_t *f, fields_shown_t shown, buf_t *out)
{
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        const function_field_t *field = &FUNCTION_FIELDS[i];
        if ((shown == FIELDS_LISTED && field->unlisted) || (shown == FIELDS_VERSION && field->live))
            continue;
        add_field(out, field, f);
    }
}

// ---- comparing

int function_fields_compare(const function_t *was, const function_t *f, function_changes_t *out,
                            err_t *err)
{
    cleanup_buf buf_t names = BUF_INIT(sizeof out->fields - 1);
    json_begin(&names, NULL, '[');
    for (size_t i = 0; was && i < FUNCTION_FIELD_COUNT; i++) {
        const function_field_t *field = &FUNCTION_FIELDS[i];
        if (!field->live && function_field_differs(field, was, f))
            json_add_text(&names, NULL, field->name);
    }
    json_end(&names, ']');
    if (buf_failed(&names))
        return err_set(err, ERR_INTERNAL, "the names of all fields are too long for a version");
    str_copy(out->fields, sizeof out->fields, buf_str(&names));
    return lines_compare(was ? was->code : "", f->code, &out->lines_added, &out->lines_removed,
                         err);
}
