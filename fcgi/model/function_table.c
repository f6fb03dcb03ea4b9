#include "model/function_table.h"

#include <string.h>

#include "base/str.h"
#include "core/limits.h"

enum {
    DESCRIPTION_MAX = 4096,
    EXAMPLE_MAX = 64 * 1024,
    METHOD_LIST_MAX = 16,
};

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char NAME_CHARS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

static const char *check_name(const char *text)
{
    bool first = text[0] && text[0] != '_' && text[0] != '-';
    return first && strspn(text, NAME_CHARS) == strlen(text)
               ? NULL
               : "must consist of letters, digits, _ and -, and start with a letter or digit";
}

static const char *check_handler(const char *text)
{
    bool first = text[0] && (strchr(LETTERS, text[0]) || text[0] == '_' || text[0] == '$');
    const char *p = text;
    while (*p && (strchr(NAME_CHARS, *p) || *p == '$') && *p != '-')
        p++;
    return first && !*p ? NULL : "must be a name of the language: letters, digits, _ and $";
}

#define ALL_METHODS "[\"GET\",\"HEAD\",\"POST\",\"PUT\",\"PATCH\",\"DELETE\",\"OPTIONS\"]"
#define AT(member) .offset = offsetof(function_t, member), .size = sizeof(((function_t *)0)->member)

const function_field_t FUNCTION_FIELDS[] = {
    {"name", FIELD_CHARS, AT(name), .min = 1, .max = FUNCTION_NAME_TEXT - 1, .check = check_name},
    {"route", FIELD_CHARS, AT(route), .min = 1, .max = ROUTE_TEXT - 1},
    {"language", FIELD_WORD, AT(language), .words = LANGUAGE_WORDS},
    {"runtime", FIELD_WORD, AT(runtime), .words = RUNTIME_WORDS, .preset = "\"docker\""},
    {"isolation", FIELD_WORD, AT(isolation), .words = ISOLATION_WORDS, .preset = "\"request\""},
    {"access", FIELD_WORD, AT(access), .words = VISIBILITY_WORDS, .preset = "\"public\""},
    {"event", FIELD_WORD, AT(event), .words = EVENT_WORDS, .preset = "\"input\""},
    {"methods", FIELD_METHODS, AT(methods), .min = 1, .max = METHOD_LIST_MAX,
     .preset = ALL_METHODS},
    {"handler", FIELD_CHARS, AT(handler), .min = 1, .max = FUNCTION_HANDLER_TEXT - 1,
     .check = check_handler, .nullable = true, .preset = "null"},
    {"timeout_ms", FIELD_INT, AT(timeout_ms), .min = 1, .max = LIMIT_TIMEOUT_MS, .preset = "3000"},
    {"memory_mb", FIELD_INT, AT(memory_mb), .min = 32, .max = LIMIT_MEMORY_MB, .preset = "128"},
    {"cpus", FIELD_THOUSANDTHS, AT(cpu_millis), .column = "cpu_millis", .min = 0.05, .max = 2,
     .preset = "1"},
    {"disk_mb", FIELD_INT, AT(disk_mb), .min = 1, .max = LIMIT_DISK_MB, .preset = "16"},
    {"max_concurrency", FIELD_INT, AT(max_concurrency), .min = 1, .max = LIMIT_CONCURRENCY,
     .preset = "10"},
    {"record_input", FIELD_RECORD, AT(record_input), .words = RECORD_WORDS, .nullable = true,
     .preset = "null"},
    {"description", FIELD_TEXT, AT(description), .max = DESCRIPTION_MAX, .preset = "\"\""},
    {"input_example", FIELD_RAW, AT(input_example), .max = EXAMPLE_MAX, .nullable = true,
     .preset = "null"},
    {"code", FIELD_TEXT, AT(code), .min = 1, .max = FUNCTION_CODE_MAX, .unlisted = true},
    {"note", FIELD_TEXT, AT(note), .max = FUNCTION_NOTE_MAX, .preset = "\"\""},
    {"status", FIELD_WORD, AT(status), .words = FUNCTION_STATUS_WORDS, .preset = "\"active\"",
     .live = true},
};

const size_t FUNCTION_FIELD_COUNT = sizeof FUNCTION_FIELDS / sizeof FUNCTION_FIELDS[0];

_Static_assert(sizeof FUNCTION_FIELDS / sizeof FUNCTION_FIELDS[0] <= FUNCTION_FIELDS_MAX,
               "arrays of one element per field are too short");

bool function_field_differs(const function_field_t *field, const function_t *a, const function_t *b)
{
    const void *x = function_field_in(a, field), *y = function_field_in(b, field);
    if (field->kind != FIELD_TEXT && field->kind != FIELD_RAW)
        return field->kind == FIELD_CHARS ? !str_eq(x, y) : memcmp(x, y, field->size) != 0;
    const char *p = *(char *const *)x, *q = *(char *const *)y;
    return p && q ? !str_eq(p, q) : p != q;
}
