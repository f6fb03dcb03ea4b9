#include "model/invocation_codec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum {
    VERSION = 2,
    VERSION_LEAST = 1, // had no request and replay_of: left over from before an update
    NO_START = 255,
    NO_TEXT = 0xffffffff,
    HAS_OUTPUT_HASH = 1,
    LOGS_TRUNCATED = 2,
    STATUS_LAST = INVOCATION_CANCELLED,
};

// What the record has of these, in the order they are written.
#define FIGURES(X)       \
    X(version)           \
    X(queue_us)          \
    X(init_us)           \
    X(run_us)            \
    X(total_us)          \
    X(cpu_us)            \
    X(memory_peak_bytes) \
    X(memory_mb)         \
    X(request_bytes)     \
    X(response_bytes)

#define TEXTS(X)     \
    X(path)          \
    X(error_type)    \
    X(error_message) \
    X(error_stack)   \
    X(args)

// ---- writing

static void put8(buf_t *out, unsigned value)
{
    buf_addc(out, (char)value);
}

static void put32(buf_t *out, uint32_t value)
{
    value = htobe32(value);
    buf_add(out, &value, sizeof value);
}

static void put64(buf_t *out, int64_t value)
{
    uint64_t bits = htobe64((uint64_t)value);
    buf_add(out, &bits, sizeof bits);
}

static bool put_id(buf_t *out, const char *id)
{
    uint8_t bytes[ID_BYTES];
    if (!id_to_bytes(id, bytes))
        return false;
    buf_add(out, bytes, sizeof bytes);
    return true;
}

static void put_bytes(buf_t *out, const char *data, size_t len)
{
    put32(out, data ? (uint32_t)len : NO_TEXT);
    if (data)
        buf_add(out, data, len);
}

static void put_text(buf_t *out, const char *text)
{
    put_bytes(out, text, text ? strlen(text) : 0);
}

int invocation_encode(const invocation_t *inv, buf_t *out, err_t *err)
{
    put8(out, VERSION);
    if (!put_id(out, inv->id) || !put_id(out, inv->function_id) || !put_id(out, inv->owner_id))
        return err_set(err, ERR_INVALID, "an id of the record is none");
    put8(out, inv->runtime);
    put8(out, inv->start < 0 ? NO_START : (unsigned)inv->start);
    put8(out, inv->source);
    put8(out, inv->status);
    put8(out, inv->input_kind);
    put8(out, (inv->has_output_hash ? HAS_OUTPUT_HASH : 0U) |
                  (inv->logs_truncated ? LOGS_TRUNCATED : 0U));
    put32(out, (uint32_t)inv->http_status);
#define X(name) put64(out, inv->name);
    FIGURES(X)
#undef X
    buf_add(out, inv->output_hash, sizeof inv->output_hash);
    put_text(out, inv->function_name);
    put_text(out, inv->method);
#define X(name) put_text(out, inv->name);
    TEXTS(X)
#undef X
    put_bytes(out, inv->input, inv->input_len);
    put_bytes(out, inv->logs, inv->logs_len);
    put_text(out, inv->request);
    put_text(out, inv->replay_of);
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "the record is too long") : 0;
}

// ---- reading

// Takes from the front; once something is wrong, everything reads as nothing.
typedef struct {
    const char *at, *end;
    bool bad;
} reader_t;

static const char *take(reader_t *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->at) < len) {
        r->bad = true;
        return NULL;
    }
    r->at += len;
    return r->at - len;
}

static uint32_t take32(reader_t *r)
{
    uint32_t value = 0;
    const char *from = take(r, sizeof value);
    if (from)
        memcpy(&value, from, sizeof value);
    return be32toh(value);
}

static int64_t take64(reader_t *r)
{
    uint64_t bits = 0;
    const char *from = take(r, sizeof bits);
    if (from)
        memcpy(&bits, from, sizeof bits);
    return (int64_t)be64toh(bits);
}

// A byte that is at most `last`.
static int take_word(reader_t *r, int last)
{
    const char *from = take(r, 1);
    int value = from ? (unsigned char)*from : 0;
    if (value <= last)
        return value;
    r->bad = true;
    return 0;
}

static int take_start(reader_t *r)
{
    const char *from = r->at;
    int value = take_word(r, NO_START);
    if (value == NO_START)
        return -1;
    r->at = from;
    return take_word(r, START_COUNT - 1);
}

static void take_id(reader_t *r, char out[ID_TEXT])
{
    const char *from = take(r, ID_BYTES);
    uint8_t bytes[ID_BYTES] = {0};
    if (from)
        memcpy(bytes, from, sizeof bytes);
    id_from_bytes(bytes, out);
}

// A copy with a NUL behind it, or NULL for none.
static char *take_bytes(reader_t *r, size_t *len)
{
    uint32_t n = take32(r);
    *len = 0;
    if (n == NO_TEXT)
        return NULL;
    const char *from = take(r, n);
    char *copy = from ? malloc((size_t)n + 1) : NULL;
    if (!copy) {
        r->bad = true;
        return NULL;
    }
    memcpy(copy, from, n);
    copy[n] = '\0';
    *len = n;
    return copy;
}

static char *take_text(reader_t *r)
{
    size_t len;
    char *text = take_bytes(r, &len);
    if (text && strlen(text) != len)
        r->bad = true;
    return text;
}

static void take_short(reader_t *r, char *out, size_t size)
{
    char *text = take_text(r);
    if (!text || !str_copy(out, size, text))
        r->bad = true;
    free(text);
}

int invocation_decode(const char *data, size_t len, invocation_t *out, err_t *err)
{
    reader_t reader = {.at = data, .end = data + len}, *r = &reader;
    *out = (invocation_t){0};
    int version = take_word(r, 255);
    if (version < VERSION_LEAST || version > VERSION)
        return err_set(err, ERR_INVALID, "a record of an unknown version");
    take_id(r, out->id);
    take_id(r, out->function_id);
    take_id(r, out->owner_id);
    out->runtime = (runtime_t)take_word(r, RUNTIME_COUNT - 1);
    out->start = take_start(r);
    out->source = (invocation_source_t)take_word(r, SOURCE_REPLAY);
    out->status = (invocation_status_t)take_word(r, STATUS_LAST);
    out->input_kind = (input_kind_t)take_word(r, INPUT_VALUE);
    int flags = take_word(r, HAS_OUTPUT_HASH | LOGS_TRUNCATED);
    out->has_output_hash = flags & HAS_OUTPUT_HASH;
    out->logs_truncated = flags & LOGS_TRUNCATED;
    out->http_status = (int)take32(r);
#define X(name) out->name = take64(r);
    FIGURES(X)
#undef X
    const char *hash = take(r, sizeof out->output_hash);
    if (hash)
        memcpy(out->output_hash, hash, sizeof out->output_hash);
    take_short(r, out->function_name, sizeof out->function_name);
    take_short(r, out->method, sizeof out->method);
#define X(name) out->name = take_text(r);
    TEXTS(X)
#undef X
    out->input = take_bytes(r, &out->input_len);
    out->logs = take_bytes(r, &out->logs_len);
    if (version > 1) {
        out->request = take_text(r);
        take_short(r, out->replay_of, sizeof out->replay_of);
    }
    if (!r->bad && r->at == r->end)
        return 0;
    invocation_free(out);
    return err_set(err, ERR_INVALID, "a record that cannot be read");
}
