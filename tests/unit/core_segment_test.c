// Segments: what is whole is found, whatever happened to the rest.
#include "base/cleanup.h"
#include "core/crypto.h"
#include "core/segment.h"
#include "support.h"

enum { RECORDS = 8 };

// A segment of RECORDS records; `ends` is where each ends.
typedef struct {
    segment_key_t key;
    char data[4096];
    size_t len, ends[RECORDS];
} sample_t;

static void body_of(int i, char *out, size_t *len)
{
    *len = (size_t)(1 + i * 37 % 90);
    for (size_t at = 0; at < *len; at++)
        out[at] = (char)('a' + i);
}

static void make(sample_t *s)
{
    segment_begin((uint8_t *)s->data, &s->key);
    s->len = SEGMENT_START;
    for (int i = 0; i < RECORDS; i++) {
        size_t len;
        body_of(i, s->data + s->len + SEGMENT_HEAD, &len);
        segment_frame(&s->key, s->len, s->data + s->len, len);
        s->len += SEGMENT_HEAD + len;
        s->ends[i] = s->len;
    }
}

// Reads as a replay does: steps over what is no record. Returns a set of the records found.
static unsigned found(const sample_t *s, size_t len, size_t *skipped)
{
    unsigned set = 0;
    *skipped = 0;
    for (size_t at = SEGMENT_START; at < len;) {
        const char *body;
        size_t n, wanted_len;
        char wanted[100];
        if (segment_read(&s->key, at, s->data + at, len - at, &body, &n) != SEGMENT_WHOLE) {
            at++;
            ++*skipped;
            continue;
        }
        int i = body[0] - 'a';
        assert_in_range(i, 0, RECORDS - 1);
        body_of(i, wanted, &wanted_len);
        assert_int_equal(n, wanted_len);
        assert_memory_equal(body, wanted, n);
        set |= 1U << i;
        at += SEGMENT_HEAD + n;
    }
    return set;
}

static void records_come_back_in_order(void **state)
{
    (void)state;
    sample_t s;
    size_t skipped;
    segment_key_t key;
    err_t err = {0};
    make(&s);
    assert_ok(segment_open((uint8_t *)s.data, s.len, &key, &err));
    assert_memory_equal(&key, &s.key, sizeof key);
    assert_int_equal(found(&s, s.len, &skipped), (1U << RECORDS) - 1);
    assert_int_equal(skipped, 0);
}

static void a_write_torn_at_any_byte_costs_that_record_only(void **state)
{
    (void)state;
    sample_t s;
    make(&s);
    for (size_t len = SEGMENT_START; len <= s.len; len++) {
        size_t skipped;
        unsigned wanted = 0;
        size_t whole = SEGMENT_START;
        for (int i = 0; i < RECORDS && s.ends[i] <= len; i++) {
            wanted |= 1U << i;
            whole = s.ends[i];
        }
        assert_int_equal(found(&s, len, &skipped), wanted);
        assert_int_equal(skipped, len - whole);
    }
}

static void damage_at_any_byte_costs_that_record_only(void **state)
{
    (void)state;
    sample_t s;
    make(&s);
    int hit = 0;
    for (size_t at = SEGMENT_START; at < s.len; at++) {
        size_t skipped;
        hit += at == s.ends[hit];
        s.data[at] ^= 0x41;
        assert_int_equal(found(&s, s.len, &skipped), ((1U << RECORDS) - 1) & ~(1U << hit));
        s.data[at] ^= 0x41;
    }
}

static void a_damaged_head_is_no_head(void **state)
{
    (void)state;
    sample_t s;
    segment_key_t key;
    err_t err = {0};
    make(&s);
    for (size_t at = 0; at < SEGMENT_NOTE_AT; at++) {
        s.data[at] ^= 1;
        assert_fails(segment_open((uint8_t *)s.data, s.len, &key, &err), err, ERR_INVALID);
        s.data[at] ^= 1;
    }
    assert_fails(segment_open((uint8_t *)s.data, SEGMENT_START - 1, &key, &err), err, ERR_INVALID);
}

static void a_record_holds_at_its_own_place_and_key_only(void **state)
{
    (void)state;
    sample_t s, other;
    const char *body;
    size_t len, first;
    make(&s);
    make(&other);
    first = s.ends[0] - SEGMENT_START;
    const char *at = s.data + SEGMENT_START;
    assert_int_equal(segment_read(&s.key, SEGMENT_START, at, first, &body, &len), SEGMENT_WHOLE);
    assert_int_equal(segment_read(&s.key, SEGMENT_START + 1, at, first, &body, &len),
                     SEGMENT_BROKEN);
    assert_int_equal(segment_read(&other.key, SEGMENT_START, at, first, &body, &len),
                     SEGMENT_BROKEN);
}

static void what_is_short_says_how_much_it_needs(void **state)
{
    (void)state;
    sample_t s;
    const char *body;
    size_t len, whole;
    make(&s);
    whole = s.ends[0] - SEGMENT_START;
    for (size_t n = 0; n < whole; n++) {
        assert_int_equal(
            segment_read(&s.key, SEGMENT_START, s.data + SEGMENT_START, n, &body, &len),
            SEGMENT_SHORT);
        assert_int_equal(len, n < SEGMENT_HEAD ? 0 : whole - SEGMENT_HEAD);
    }
}

static void a_note_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    sample_t s;
    segment_note_t note = {.done = 77, .records = 5, .oldest_us = 123456789}, read;
    make(&s);
    uint8_t *at = (uint8_t *)s.data + SEGMENT_NOTE_AT;
    assert_true(segment_note_read(&s.key, at, &read));
    assert_int_equal(read.done, SEGMENT_START);
    segment_note_write(&s.key, &note, at);
    assert_true(segment_note_read(&s.key, at, &read));
    assert_memory_equal(&note, &read, sizeof note);
    for (size_t i = 0; i < SEGMENT_NOTE; i++) {
        at[i] ^= 1;
        assert_false(segment_note_read(&s.key, at, &read));
        at[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_in_order),
        cmocka_unit_test(a_write_torn_at_any_byte_costs_that_record_only),
        cmocka_unit_test(damage_at_any_byte_costs_that_record_only),
        cmocka_unit_test(a_damaged_head_is_no_head),
        cmocka_unit_test(a_record_holds_at_its_own_place_and_key_only),
        cmocka_unit_test(what_is_short_says_how_much_it_needs),
        cmocka_unit_test(a_note_is_read_whole_or_not_at_all),
    };
    return crypto_init(NULL) < 0 ? 1 : RUN_TESTS(tests);
}
