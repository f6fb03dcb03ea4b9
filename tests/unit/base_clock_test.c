#include "base/clock.h"

#include <limits.h>
#include <time.h>

#include "support.h"

static void times_are_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.000Z"},
        {1769860800123456, "2026-01-31T12:00:00.123Z"},
        {1709164799999999, "2024-02-28T23:59:59.999Z"},
        {253402300799000000, "9999-12-31T23:59:59.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000000, "1969-12-31T23:59:59.000Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[CLOCK_TEXT];
        clock_format(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void no_time_overruns_its_text(void **state)
{
    (void)state;
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN / 2, INT64_MAX / 2, INT64_MAX};
    for (size_t i = 0; i < COUNT(extremes); i++) {
        char text[CLOCK_TEXT];
        clock_format(extremes[i], text);
        assert_true(strlen(text) < sizeof text);
    }
}

static void good_times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00Z", 1769860800000000},
        {"2026-01-31t12:00:00z", 1769860800000000},
        {"2026-01-31T12:00:00.1Z", 1769860800100000},
        {"2026-01-31T12:00:00.123456Z", 1769860800123456},
        {"2026-01-31T14:00:00+02:00", 1769860800000000},
        {"2026-01-31T06:30:00-05:30", 1769860800000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2016-12-31T23:59:60Z", 1483228800000000}, // a leap second
        {"2017-01-01T01:59:60+02:00", 1483228800000000},
        {"9999-12-31T23:59:59Z", 253402300799000000},
        {"1970-01-01T00:00:00+00:01", -60000000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = 0;
        err_t err = {0};
        if (clock_parse(cases[i].text, &us, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(us, cases[i].us);
    }
}

static void bad_times_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "Z",
        "now",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z ",
        "2026-1-31T12:00:00Z",
        "+2026-01-31T12:00:00Z",
        "02026-01-31T12:00:00Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "-026-01-31T12:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-02-29T23:59:60Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567Z",
        "2026-01-31T12:00:00,1Z",
        "2026-01-31T12:00:00.-1Z",
        "2026-01-31T12:00:00+2:00",
        "2026-01-31T12:00:00+0200",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+02:60",
        "2026-01-31T12:00:00+",
        "2026-01-31T12:00:00ZZ",
        "2026-01-31T12:-1:00Z",
        "2026-01-31T1a:00:00Z",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = 42;
        err_t err = {0};
        if (clock_parse(cases[i], &us, &err) == 0)
            fail_msg("%s was taken", cases[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(us, 42);
    }
}

static void what_is_written_can_be_read_back(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < 5000; i++) {
        int64_t us = (int64_t)(test_random(&seed) % 8000000) * 31557600 * 1000 +
                     (int64_t)test_random(&seed) * 1000;
        char text[CLOCK_TEXT];
        int64_t back;
        clock_format(us, text);
        assert_int_equal(clock_parse(text, &back, NULL), 0);
        assert_int_equal(back, us);
    }
}

static void time_left_is_rounded_up_and_never_negative(void **state)
{
    (void)state;
    int64_t now = clock_mono_ns();
    assert_int_equal(clock_left_ms(now - 1), 0);
    assert_int_equal(clock_left_ms(INT64_MIN / 2), 0);
    assert_int_equal(clock_left_ms(INT64_MAX), INT_MAX);
    assert_in_range(clock_left_ms(clock_mono_ns() + (int64_t)60 * 1000000000), 59000, 60000);
    assert_true(clock_left_ms(clock_mono_ns() + 900000) <= 1);
}

static void the_clocks_run(void **state)
{
    (void)state;
    int64_t mono = clock_mono_ns(), wall = clock_wall_us();
    assert_true(clock_mono_ns() >= mono);
    assert_true(wall / 1000000 - (int64_t)time(NULL) <= 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(no_time_overruns_its_text),
        cmocka_unit_test(good_times_are_read),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(what_is_written_can_be_read_back),
        cmocka_unit_test(time_left_is_rounded_up_and_never_negative),
        cmocka_unit_test(the_clocks_run),
    };
    return RUN_TESTS(tests);
}
