#include "core/segment.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

_Static_assert(SEGMENT_KEY == crypto_shorthash_KEYBYTES, "SipHash-2-4");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

static const char MAGIC[8] = "CLOCHEJ1";
enum { KEY_AT = 8, CHECK_AT = 24 };

static void put32(void *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(void *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t get32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint64_t get64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static uint64_t check(const segment_key_t *key, const void *data, size_t len)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, data, len, key->bytes);
    return get64(hash);
}

void segment_begin(uint8_t out[SEGMENT_START], segment_key_t *key)
{
    const segment_note_t note = {.done = SEGMENT_START};
    randombytes_buf(key->bytes, sizeof key->bytes);
    memcpy(out, MAGIC, sizeof MAGIC);
    memcpy(out + KEY_AT, key->bytes, sizeof key->bytes);
    put64(out + CHECK_AT, check(key, out, CHECK_AT));
    segment_note_write(key, &note, out + SEGMENT_NOTE_AT);
}

int segment_open(const uint8_t *data, size_t len, segment_key_t *key, err_t *err)
{
    if (len < SEGMENT_START || memcmp(data, MAGIC, sizeof MAGIC) != 0)
        return err_set(err, ERR_INVALID, "no segment of a journal");
    memcpy(key->bytes, data + KEY_AT, sizeof key->bytes);
    if (get64(data + CHECK_AT) != check(key, data, CHECK_AT))
        return err_set(err, ERR_INVALID, "the segment's head is damaged");
    return 0;
}

// ---- records

enum { HEAD_CHECK_AT = 4, BODY_CHECK_AT = 8 };

static uint32_t head_check(const segment_key_t *key, uint64_t offset, const char *head)
{
    char what[20];
    memcpy(what, head, 4);
    memcpy(what + 4, head + BODY_CHECK_AT, 8);
    put64(what + 12, offset);
    return (uint32_t)check(key, what, sizeof what);
}

void segment_frame(const segment_key_t *key, uint64_t offset, char *record, size_t body_len)
{
    put32(record, (uint32_t)body_len);
    put64(record + BODY_CHECK_AT, check(key, record + SEGMENT_HEAD, body_len));
    put32(record + HEAD_CHECK_AT, head_check(key, offset, record));
}

segment_result_t segment_read(const segment_key_t *key, uint64_t offset, const char *data,
                              size_t len, const char **body, size_t *body_len)
{
    *body = NULL;
    *body_len = 0;
    if (len < SEGMENT_HEAD)
        return SEGMENT_SHORT;
    uint32_t n = get32(data);
    if (!n || n > SEGMENT_BODY_MAX || get32(data + HEAD_CHECK_AT) != head_check(key, offset, data))
        return SEGMENT_BROKEN;
    *body_len = n;
    if (len - SEGMENT_HEAD < n)
        return SEGMENT_SHORT;
    if (get64(data + BODY_CHECK_AT) != check(key, data + SEGMENT_HEAD, n))
        return SEGMENT_BROKEN;
    *body = data + SEGMENT_HEAD;
    return SEGMENT_WHOLE;
}

// ---- the note

enum { NOTE_CHECK_AT = 24 };

void segment_note_write(const segment_key_t *key, const segment_note_t *note,
                        uint8_t out[SEGMENT_NOTE])
{
    put64(out, note->done);
    put64(out + 8, note->records);
    put64(out + 16, (uint64_t)note->oldest_us);
    put64(out + NOTE_CHECK_AT, check(key, out, NOTE_CHECK_AT));
}

bool segment_note_read(const segment_key_t *key, const uint8_t data[SEGMENT_NOTE],
                       segment_note_t *note)
{
    *note = (segment_note_t){
        .done = get64(data), .records = get64(data + 8), .oldest_us = (int64_t)get64(data + 16)};
    return get64(data + NOTE_CHECK_AT) == check(key, data, NOTE_CHECK_AT);
}
