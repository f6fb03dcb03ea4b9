// Figures of control groups, read from memfds with what the kernel's files would have in them.
#include "core/meter.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "support.h"

static const char stat_text[] = "user_usec 4000\n"
                                "usage_usec_of_children 9\n"
                                "usage_usec 4711\n"
                                "system_usec 711\n"
                                "nice_usec -3\n"
                                "some more_usec 5\n"
                                "odd_usec 12 ms\n"
                                "throttled_usec 42"; // the last one without an end

static int file_of(const char *text)
{
    int fd = memfd_create("meter", MFD_CLOEXEC);
    ssize_t len = (ssize_t)strlen(text);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, (size_t)len), len); // which leaves the position at the end
    return fd;
}

// The same file, opened once more.
static int reopen(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, flags | O_CLOEXEC);
    assert_true(again >= 0);
    return again;
}

static void put(int fd, const char *text)
{
    assert_ok(ftruncate(fd, 0));
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
}

static meter_t v1_of(const char *cpu, const char *peak)
{
    return (meter_t){.cpu = file_of(cpu), .peak = peak ? file_of(peak) : -1};
}

static meter_t v2_of(const char *cpu, const char *peak)
{
    return (meter_t){.cpu = file_of(cpu), .peak = peak ? file_of(peak) : -1, .v2 = true};
}

static void a_text_is_read_from_its_beginning(void **state)
{
    (void)state;
    char text[32];
    cleanup_close int fd = file_of("one\ntwo\n");
    for (int i = 0; i < 2; i++) {
        memset(text, 'x', sizeof text);
        assert_ok(meter_text(fd, text, sizeof text, NULL));
        assert_string_equal(text, "one\ntwo\n");
    }
    put(fd, "");
    assert_ok(meter_text(fd, text, sizeof text, NULL));
    assert_string_equal(text, "");
}

static void a_text_is_cut_to_what_fits(void **state)
{
    (void)state;
    char text[8] = "zzzzzzz";
    cleanup_close int fd = file_of("0123456789");
    assert_ok(meter_text(fd, text, 5, NULL));
    assert_string_equal(text, "0123");
    assert_int_equal(text[5], 'z');
    assert_ok(meter_text(fd, text, 1, NULL));
    assert_string_equal(text, "");
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    err_t err = {0};
    char text[32];
    int64_t n = 7;
    assert_fails(meter_text(-1, text, sizeof text, &err), err, ERR_INTERNAL);
    assert_fails(meter_number(-1, &n, &err), err, ERR_INTERNAL);
    assert_fails(meter_key(-1, "usage_usec", &n, &err), err, ERR_INTERNAL);
    cleanup_close int fd = file_of("12\n");
    cleanup_close int mute = reopen(fd, O_WRONLY);
    assert_fails(meter_number(mute, &n, &err), err, ERR_INTERNAL);
    assert_int_equal(n, 7);
}

static void a_number_is_a_file_of_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0\n", 0},
                {"12", 12},
                {"-1\n", -1},
                {"7340032\nand more\n", 7340032},
                {"9223372036854775807\n", INT64_MAX},
                {"-9223372036854775808\n", INT64_MIN}};
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t n = 7;
        cleanup_close int fd = file_of(good[i].text);
        assert_ok(meter_number(fd, &n, NULL));
        assert_int_equal(n, good[i].value);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "\n",      "max\n",  "12x\n",
                                      " 12\n", "12 13\n", "\n12\n", "9223372036854775808\n"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t err = {0};
        int64_t n = 7;
        cleanup_close int fd = file_of(bad[i]);
        assert_fails(meter_number(fd, &n, &err), err, ERR_INVALID);
        assert_int_equal(n, 7);
    }
}

static void a_key_is_found_in_any_line(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t value;
    } good[] = {{"user_usec", 4000},
                {"usage_usec", 4711},
                {"system_usec", 711},
                {"nice_usec", -3},
                {"throttled_usec", 42}};
    cleanup_close int fd = file_of(stat_text);
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t n = 7;
        assert_ok(meter_key(fd, good[i].key, &n, NULL));
        assert_int_equal(n, good[i].value);
    }
}

static void a_key_is_a_whole_one_at_the_beginning_of_a_line(void **state)
{
    (void)state;
    static const char *const absent[] = {"usage", "usec", "age_usec", "more_usec", "usage_usec_of"};
    cleanup_close int fd = file_of(stat_text);
    for (size_t i = 0; i < COUNT(absent); i++) {
        err_t err = {0};
        int64_t n = 7;
        assert_fails(meter_key(fd, absent[i], &n, &err), err, ERR_NOT_FOUND);
        assert_contains(err.msg, absent[i]);
        assert_int_equal(n, 7);
    }
    err_t err = {0};
    int64_t n = 7;
    assert_fails(meter_key(fd, "odd_usec", &n, &err), err, ERR_INVALID);
    put(fd, "");
    assert_fails(meter_key(fd, "usage_usec", &n, &err), err, ERR_NOT_FOUND);
    put(fd, "usage_usec");
    assert_fails(meter_key(fd, "usage_usec", &n, &err), err, ERR_NOT_FOUND);
}

static void v1_counts_in_nanoseconds(void **state)
{
    (void)state;
    meter_t m = v1_of("123456789\n", "7340032\n");
    meter_reading_t now;
    assert_ok(meter_read(&m, &now, NULL));
    assert_int_equal(now.cpu_us, 123456);
    assert_int_equal(now.memory_peak_bytes, 7340032);
    // What is read is what is there now.
    put(m.cpu, "223456789\n");
    put(m.peak, "8388608\n");
    assert_ok(meter_read(&m, &now, NULL));
    assert_int_equal(now.cpu_us, 223456);
    assert_int_equal(now.memory_peak_bytes, 8388608);
    meter_close(&m);
}

static void v2_counts_in_microseconds(void **state)
{
    (void)state;
    meter_t m = v2_of(stat_text, "7340032\n");
    meter_reading_t now;
    assert_ok(meter_read(&m, &now, NULL));
    assert_int_equal(now.cpu_us, 4711);
    assert_int_equal(now.memory_peak_bytes, 7340032);
    meter_close(&m);
}

static void without_a_peak_the_rest_is_known(void **state)
{
    (void)state;
    meter_t meters[] = {v1_of("5000", NULL), v2_of("usage_usec 5\n", NULL),
                        v1_of("5000", "broken\n"), v2_of("usage_usec 5\n", "")};
    for (size_t i = 0; i < COUNT(meters); i++) {
        meter_reading_t now = {.memory_peak_bytes = 7};
        assert_ok(meter_read(&meters[i], &now, NULL));
        assert_int_equal(now.cpu_us, 5);
        assert_int_equal(now.memory_peak_bytes, -1);
        meter_close(&meters[i]);
    }
}

static void a_peak_that_cannot_be_read_is_not_known(void **state)
{
    (void)state;
    cleanup_close int file = file_of("7340032\n");
    meter_t m = v1_of("5000", NULL);
    meter_reading_t now;
    m.peak = reopen(file, O_WRONLY);
    assert_ok(meter_read(&m, &now, NULL));
    assert_int_equal(now.cpu_us, 5);
    assert_int_equal(now.memory_peak_bytes, -1);
    meter_close(&m);
}

static void without_processor_time_there_is_no_reading(void **state)
{
    (void)state;
    err_t err = {0};
    meter_reading_t now = {.cpu_us = 7, .memory_peak_bytes = 7};
    meter_t meters[] = {v1_of("broken\n", "1\n"), v1_of("usage_usec 5\n", "1\n"),
                        v2_of("usage_usec x\n", "1\n")};
    for (size_t i = 0; i < COUNT(meters); i++) {
        assert_fails(meter_read(&meters[i], &now, &err), err, ERR_INVALID);
        meter_close(&meters[i]);
    }
    meter_t keyless = v2_of("5\n", "1\n");
    assert_fails(meter_read(&keyless, &now, &err), err, ERR_NOT_FOUND);
    meter_close(&keyless);
    assert_fails(meter_read(&keyless, &now, &err), err, ERR_INTERNAL);
    assert_int_equal(now.cpu_us, 7);
    assert_int_equal(now.memory_peak_bytes, 7);
}

static void a_peak_is_reset_by_a_zero(void **state)
{
    (void)state;
    char text[32];
    meter_t m = v1_of("5000", "");
    for (int i = 0; i < 2; i++) {
        assert_true(meter_reset_peak(&m));
        assert_ok(meter_text(m.peak, text, sizeof text, NULL));
        assert_string_equal(text, "0");
    }
    // One byte at the beginning, wherever the position is, and nothing in the other file.
    put(m.peak, "7340032\n");
    assert_true(meter_reset_peak(&m));
    assert_ok(meter_text(m.peak, text, sizeof text, NULL));
    assert_string_equal(text, "0340032\n");
    assert_ok(meter_text(m.cpu, text, sizeof text, NULL));
    assert_string_equal(text, "5000");
    meter_close(&m);
}

static void a_peak_that_cannot_be_written_is_not_reset(void **state)
{
    (void)state;
    cleanup_close int file = file_of("7340032\n");
    meter_t m = v2_of("usage_usec 5\n", NULL);
    meter_reading_t now;
    assert_false(meter_reset_peak(&m));
    m.peak = reopen(file, O_RDONLY);
    assert_false(meter_reset_peak(&m));
    assert_ok(meter_read(&m, &now, NULL));
    assert_int_equal(now.memory_peak_bytes, 7340032);
    meter_close(&m);
}

static void closing_it_may_be_done_again(void **state)
{
    (void)state;
    meter_t m = v1_of("5000", "7340032\n");
    int cpu = m.cpu, peak = m.peak;
    meter_close(&m);
    assert_int_equal(m.cpu, -1);
    assert_int_equal(m.peak, -1);
    assert_int_equal(fcntl(cpu, F_GETFD), -1);
    assert_int_equal(fcntl(peak, F_GETFD), -1);
    // Somebody else has the numbers now.
    cleanup_close int other = file_of(""), another = file_of("");
    meter_close(&m);
    assert_ok(fcntl(other, F_GETFD));
    assert_ok(fcntl(another, F_GETFD));
    assert_int_equal(m.cpu, -1);
    assert_int_equal(m.peak, -1);
    // One that has only the one file.
    m = v2_of("usage_usec 5\n", NULL);
    meter_close(&m);
    assert_int_equal(m.cpu, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_read_from_its_beginning),
        cmocka_unit_test(a_text_is_cut_to_what_fits),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(a_number_is_a_file_of_one),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_key_is_found_in_any_line),
        cmocka_unit_test(a_key_is_a_whole_one_at_the_beginning_of_a_line),
        cmocka_unit_test(v1_counts_in_nanoseconds),
        cmocka_unit_test(v2_counts_in_microseconds),
        cmocka_unit_test(without_a_peak_the_rest_is_known),
        cmocka_unit_test(a_peak_that_cannot_be_read_is_not_known),
        cmocka_unit_test(without_processor_time_there_is_no_reading),
        cmocka_unit_test(a_peak_is_reset_by_a_zero),
        cmocka_unit_test(a_peak_that_cannot_be_written_is_not_reset),
        cmocka_unit_test(closing_it_may_be_done_again),
    };
    return RUN_TESTS(tests);
}
