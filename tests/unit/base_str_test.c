#include "base/str.h"

#include <errno.h>

#include "support.h"

static void whole_numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max, value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"-0", 0, 0, 0},
        {"42", 1, 42, 42},
        {"42", 42, 100, 42},
        {"-7", -7, 7, -7},
        {"007", 0, 10, 7},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 1;
        assert_int_equal(str_int(cases[i].text, cases[i].min, cases[i].max, &value, NULL), 0);
        assert_int_equal(value, cases[i].value);
    }
}

static void what_is_no_whole_number_in_range_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "-",
        "--1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "0x10",
        "1,000",
        "abc",
        "1a",
        "101",
        "-101",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999999999",
        "\xd9\xa1", // an Arabic one
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 42;
        err_t err = {0};
        errno = ERANGE;
        if (str_int(cases[i], -100, 100, &value, &err) == 0)
            fail_msg("\"%s\" was taken", cases[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(value, 42);
    }
}

static void numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0},       {"1", 1},       {"-1.5", -1.5}, {"0.05", 0.05},
                 {"1e2", 100.0}, {"1E-2", 0.01}, {".5", 0.5},    {"100", 100}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value = 42;
        assert_int_equal(str_number(cases[i].text, -2, 100, &value, NULL), 0);
        assert_true(value >= cases[i].value && value <= cases[i].value);
    }
}

static void what_is_no_number_in_range_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",      " ",      "-",   "+",          ".",     "e",   "E5",   "1e",  "1 ",
        " 1",    "1.2.3",  "1,5", "0x10",       "0x1p3", "inf", "-inf", "nan", "NaN",
        "1e400", "-1e400", "101", "-2.0000001", "1-1",   "--1", "1f",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value = 42;
        err_t err = {0};
        if (str_number(cases[i], -2, 100, &value, &err) == 0)
            fail_msg("\"%s\" was taken", cases[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(value >= 42 && value <= 42);
    }
}

static void copies_are_cut_and_terminated(void **state)
{
    (void)state;
    char out[4];
    assert_true(str_copy(out, sizeof out, ""));
    assert_string_equal(out, "");
    assert_true(str_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, 1, "x"));
    assert_string_equal(out, "");
}

// RFC 3629 the long way round: decode the bits, then look at the value.
static size_t reference_char(const unsigned char *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80             ? 1
                 : (p[0] & 0xe0) == 0xc0 ? 2
                 : (p[0] & 0xf0) == 0xe0 ? 3
                 : (p[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    if (!len || len > left)
        return 0;
    uint32_t value = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3fU);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < least[len] || surrogate || value > 0x10ffff ? 0 : len;
}

static bool reference_utf8(const unsigned char *p, size_t len)
{
    for (size_t n; len; p += n, len -= n)
        if ((n = reference_char(p, len)) == 0)
            return false;
    return true;
}

static void check_utf8(const unsigned char *bytes, size_t len)
{
    if (str_utf8((const char *)bytes, len) != reference_utf8(bytes, len))
        fail_msg("%zu bytes: %02x %02x %02x %02x", len, bytes[0], bytes[1], bytes[2], bytes[3]);
}

static void utf8_agrees_with_the_reference_on_every_short_text(void **state)
{
    (void)state;
    // The bytes at and next to each border that RFC 3629 knows.
    static const unsigned char borders[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                            0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                            0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff};
    const size_t n = COUNT(borders);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            for (size_t c = 0; c < n; c++) {
                unsigned char bytes[4] = {(unsigned char)a, (unsigned char)b, borders[c], 0x80};
                for (size_t len = 1; len <= 4; len++)
                    check_utf8(bytes, len);
            }
    for (size_t i = 0; i < n * n * n * n; i++) {
        unsigned char bytes[4] = {borders[i / n / n / n], borders[i / n / n % n],
                                  borders[i / n % n], borders[i % n]};
        check_utf8(bytes, 4);
    }
}

static void utf8_is_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"a\xc3", 1},
        {"a\xc3\xa4", 3},
        {"a\xe2\x82", 1},
        {"a\xe2\x82\xac", 4},
        {"\xf0\x9f\x98", 0},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf0\x9f\x98\x80\xf0", 4},
        {"\x80\x80\x80\x80\x80", 5}, // no UTF-8 at all: nothing to keep whole
        {"\xff", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(str_utf8_cut(cases[i].text, strlen(cases[i].text)), cases[i].len);
}

static void prefixes_and_equality(void **state)
{
    (void)state;
    assert_true(str_starts("abc", ""));
    assert_true(str_starts("abc", "abc"));
    assert_false(str_starts("abc", "abcd"));
    assert_false(str_starts("abc", "B"));
    assert_true(str_eq("", ""));
    assert_false(str_eq("a", "A"));
    assert_true(str_ieq("Content-Type", "content-TYPE"));
    assert_false(str_ieq("ab", "abc"));
    assert_false(str_ieq("abc", "ab"));
    assert_true(str_istarts("Bearer x", "bEARER "));
    assert_false(str_istarts("Bear", "bearer"));
    // Only letters have two cases: '[' and '{', '@' and '`' differ by the same bit.
    assert_false(str_ieq("[@", "{`"));
    assert_false(str_ieq("\xc4", "\xe4"));
}

static void hex_digits(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";
    for (int c = 0; c < 256; c++) {
        int low = c >= 'A' && c <= 'F' ? c + 32 : c;
        const char *at = c ? strchr(digits, low) : NULL;
        assert_int_equal(str_hex((char)c), at && low < 128 ? (int)(at - digits) : -1);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(what_is_no_whole_number_in_range_is_refused),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(what_is_no_number_in_range_is_refused),
        cmocka_unit_test(copies_are_cut_and_terminated),
        cmocka_unit_test(utf8_agrees_with_the_reference_on_every_short_text),
        cmocka_unit_test(utf8_is_cut_between_characters),
        cmocka_unit_test(prefixes_and_equality),
        cmocka_unit_test(hex_digits),
    };
    return RUN_TESTS(tests);
}
