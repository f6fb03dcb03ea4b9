// Fuzzes what a replay reads: core/segment and model/invocation_codec.
//
// The first byte decides: an even one takes the rest as a segment's records under a fixed key, an odd one
// as the body of a record. What must hold whatever comes is checked with assert.
#include <assert.h>
#include <string.h>

#include "core/segment.h"
#include "model/invocation_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_body(const char *data, size_t len)
{
    invocation_t inv;
    buf_t again = BUF_INIT(SEGMENT_BODY_MAX);
    if (invocation_decode(data, len, &inv, NULL) < 0)
        return;
    assert(invocation_encode(&inv, &again, NULL) == 0);
    // One of an older version is written as one of today.
    assert(again.data[0] != data[0] || (again.len == len && memcmp(again.data, data, len) == 0));
    buf_free(&again);
    invocation_free(&inv);
}

static void read_records(const char *data, size_t len)
{
    static const segment_key_t key = {{1}};
    for (size_t at = 0; at < len;) {
        const char *body;
        size_t n;
        segment_result_t result = segment_read(&key, at, data + at, len - at, &body, &n);
        assert(result != SEGMENT_WHOLE || (body == data + at + SEGMENT_HEAD && n && n < len - at));
        if (result == SEGMENT_WHOLE)
            read_body(body, n);
        at += result == SEGMENT_WHOLE ? SEGMENT_HEAD + n : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segment_key_t key;
    segment_note_t note;
    if (!size)
        return 0;
    if (segment_open(data + 1, size - 1, &key, NULL) == 0)
        (void)segment_note_read(&key, data + 1 + SEGMENT_NOTE_AT, &note);
    if (data[0] % 2)
        read_body((const char *)data + 1, size - 1);
    else
        read_records((const char *)data + 1, size - 1);
    return 0;
}
