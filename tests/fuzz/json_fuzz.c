// Fuzzes the JSON reader and writer: core/json.
//
// An input is read as any JSON, as an object by a table of fields of each kind, and as a text to be written.
// What must hold whatever comes is checked with assert.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const char *text, *maybe;
    int64_t whole;
    double real;
    bool truth;
    int word;
    const cJSON *list, *object;
    json_raw_t raw;
} fields_t;

enum { TEXT_MAX = 20, LIST_MAX = 4, LEAST = -5, MOST = 1000 };

static const char *no_x(const char *text)
{
    return strchr(text, 'x') ? "must not have an x" : NULL;
}

#define AT(member) .offset = offsetof(fields_t, member)
static const char *const WORDS[] = {"one", "two", NULL};
static const json_field_t FIELDS[] = {
    {"text", JSON_TEXT, AT(text), .min = 1, .max = TEXT_MAX, .check = no_x},
    {"maybe", JSON_TEXT, AT(maybe), .nullable = true},
    {"whole", JSON_INT, AT(whole), .min = LEAST, .max = MOST},
    {"real", JSON_REAL, AT(real), .min = LEAST, .max = MOST},
    {"truth", JSON_BOOL, AT(truth)},
    {"word", JSON_WORD, AT(word), .words = WORDS},
    {"list", JSON_LIST, AT(list), .max = LIST_MAX},
    {"object", JSON_OBJECT, AT(object)},
    {"raw", JSON_RAW, AT(raw), .bytes = 64},
};
enum { COUNT = sizeof FIELDS / sizeof FIELDS[0] };

static void check_errors(const field_errors_t *errors)
{
    assert(errors->count > 0 && errors->count <= FIELD_ERRORS_MAX);
    for (size_t i = 0; i < errors->count; i++) {
        const field_error_t *e = &errors->items[i];
        assert(memchr(e->field, '\0', sizeof e->field) && e->message[0]);
        assert(memchr(e->message, '\0', sizeof e->message));
    }
}

static void check_fields(const fields_t *f, const char *text, size_t len)
{
    if (f->text)
        assert(f->text[0] && strlen(f->text) <= TEXT_MAX && !strchr(f->text, 'x') &&
               str_utf8(f->text, strlen(f->text)));
    assert(f->whole >= LEAST && f->whole <= MOST);
    assert(isfinite(f->real) && f->real >= LEAST && f->real <= MOST);
    assert(f->word == 0 || f->word == 1);
    assert(!f->list || (cJSON_IsArray(f->list) && cJSON_GetArraySize(f->list) <= LIST_MAX));
    assert(!f->object || cJSON_IsObject(f->object));
    if (f->raw.text) {
        assert(f->raw.text > text && f->raw.text + f->raw.len < text + len && f->raw.len <= 64);
        assert(json_check(f->raw.text, f->raw.len, NULL) == 0);
    }
}

static void read_object(const char *text, size_t len)
{
    cleanup_json_input json_input_t in = {0};
    fields_t fields = {0};
    err_t err = {0};
    if (json_read(&in, text, len, FIELDS, COUNT, &fields, &err) == 0) {
        assert(json_check(text, len, NULL) == 0 && in.errors.count == 0);
        check_fields(&fields, text, len);
        return;
    }
    assert(err.code == ERR_INVALID || err.code == ERR_INVALID_JSON);
    if (err.code == ERR_INVALID)
        check_errors(&in.errors);
}

// What passes the check, cJSON can read, and its print passes again.
static void read_any(const char *text, size_t len)
{
    err_t err = {0};
    cleanup_json cJSON *tree = json_parse(text, len, &err);
    if (!tree) {
        assert(err.code == ERR_INVALID_JSON);
        return;
    }
    cleanup_free char *print = cJSON_PrintUnformatted(tree);
    assert(print && json_check(print, strlen(print), NULL) == 0);
}

static void write_text(const char *text, size_t len)
{
    cleanup_buf buf_t out = BUF_INIT(1 << 20);
    json_begin(&out, NULL, '[');
    json_add_textn(&out, NULL, text, len);
    json_end(&out, ']');
    if (buf_failed(&out))
        return;
    // NUL is written escaped, which our own reader refuses in others' texts.
    if (!memchr(text, '\0', len))
        assert(json_check(buf_str(&out), out.len, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    if (!size)
        return 0;
    read_any(text, size);
    read_object(text, size);
    write_text(text, size);
    return 0;
}
