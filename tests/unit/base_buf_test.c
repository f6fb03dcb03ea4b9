#include "base/buf.h"

#include "base/cleanup.h"
#include "support.h"

// Lets realloc of a giant size return NULL under the sanitizers, as it does without them.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(10);
    assert_string_equal(buf_str(&b), "");
    assert_null(buf_take(&b));
}

static void appending_keeps_the_content_terminated(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(100);
    assert_int_equal(buf_adds(&b, "ab"), 0);
    assert_int_equal(buf_addc(&b, 'c'), 0);
    assert_int_equal(buf_add(&b, "d\0e", 3), 0);
    assert_int_equal(buf_addf(&b, "%d-%s", 42, "f"), 0);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.data, "abcd\0e42-f", 11);
}

static void growth_keeps_what_is_there(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    cleanup_buf buf_t b = BUF_INIT(BYTES);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(buf_addc(&b, (char)('a' + i % 26)), 0);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(b.data[BYTES], '\0');
}

static void ceiling_can_be_reached_but_not_passed(void **state)
{
    (void)state;
    static const size_t ceilings[] = {0, 1, 255, 256, 257, 1000};
    char bytes[1001];
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < COUNT(ceilings); i++) {
        cleanup_buf buf_t b = BUF_INIT(ceilings[i]);
        assert_int_equal(buf_add(&b, bytes, ceilings[i]), 0);
        assert_false(buf_failed(&b));
        assert_int_equal(buf_addc(&b, 'y'), -1);
        assert_true(buf_failed(&b));
        assert_int_equal(b.len, ceilings[i]);

        cleanup_buf buf_t at_once = BUF_INIT(ceilings[i]);
        assert_int_equal(buf_add(&at_once, bytes, ceilings[i] + 1), -1);
        assert_int_equal(at_once.len, 0);

        cleanup_buf buf_t one_by_one = BUF_INIT(ceilings[i]);
        for (size_t n = 0; n < ceilings[i]; n++) {
            assert_int_equal(buf_addc(&one_by_one, 'x'), 0);
            assert_int_equal(one_by_one.data[one_by_one.len], '\0');
        }
        assert_memory_equal(buf_str(&one_by_one), buf_str(&b), ceilings[i] + 1);
        assert_int_equal(buf_addc(&one_by_one, 'y'), -1);
        assert_int_equal(one_by_one.len, ceilings[i]);
    }
}

static void formatted_text_obeys_the_ceiling(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(5);
    assert_int_equal(buf_addf(&b, "%05d", 1), 0);
    assert_int_equal(buf_addf(&b, "%d", 1), -1);
    assert_string_equal(buf_str(&b), "00001");
}

// 256 bytes is the first room that a buffer makes: texts that end before, at and behind its end.
static void formatted_text_fits_wherever_the_room_ends(void **state)
{
    (void)state;
    for (size_t before = 0; before < 300; before++) {
        cleanup_buf buf_t b = BUF_INIT(1000);
        for (size_t i = 0; i < before; i++)
            buf_addc(&b, 'a');
        assert_int_equal(buf_addf(&b, "%s", "0123456789"), 0);
        assert_int_equal(b.len, before + 10);
        assert_string_equal(b.data + before, "0123456789");
    }
}

static void whole_numbers_are_decimal(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {-10, "-10"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buf buf_t b = BUF_INIT(20);
        assert_int_equal(buf_addi(&b, cases[i].value), 0);
        assert_string_equal(b.data, cases[i].text);
    }
}

static void a_failed_buffer_refuses_what_would_fit(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(4);
    assert_int_equal(buf_adds(&b, "abcde"), -1);
    assert_int_equal(buf_addc(&b, 'a'), -1);
    assert_null(buf_room(&b, 1));
    assert_int_equal(buf_addf(&b, "%s", ""), -1);
    assert_true(buf_failed(&b));
}

static void no_memory_is_a_failure_that_keeps_the_content(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(SIZE_MAX / 4);
    assert_int_equal(buf_adds(&b, "kept"), 0);
    assert_null(buf_room(&b, (size_t)1 << 60));
    assert_true(buf_failed(&b));
    assert_string_equal(buf_str(&b), "kept");
}

static void a_length_that_would_wrap_around_is_refused(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(100);
    assert_int_equal(buf_adds(&b, "0123456789"), 0);
    assert_null(buf_room(&b, SIZE_MAX));
    assert_true(buf_failed(&b));
}

static void reset_forgets_content_and_failure(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(4);
    assert_int_equal(buf_adds(&b, "abcde"), -1);
    buf_reset(&b);
    assert_false(buf_failed(&b));
    assert_int_equal(buf_adds(&b, "abcd"), 0);
    buf_reset(&b);
    assert_string_equal(buf_str(&b), "");
}

static void free_keeps_the_ceiling(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(4);
    assert_int_equal(buf_adds(&b, "abcd"), 0);
    buf_free(&b);
    assert_int_equal(buf_adds(&b, "abcde"), -1);
}

static void dropping_takes_from_the_front(void **state)
{
    (void)state;
    static const struct {
        size_t drop;
        const char *left;
    } cases[] = {{0, "abcdef"}, {1, "bcdef"}, {5, "f"}, {6, ""}, {7, ""}, {SIZE_MAX, ""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buf buf_t b = BUF_INIT(10);
        assert_int_equal(buf_adds(&b, "abcdef"), 0);
        buf_drop(&b, cases[i].drop);
        assert_string_equal(buf_str(&b), cases[i].left);
        assert_int_equal(b.len, strlen(cases[i].left));
    }
}

static void room_is_counted_when_it_is_used(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(1000);
    char *room = buf_room(&b, 1000);
    assert_non_null(room);
    memcpy(room, "abc", 3);
    assert_int_equal(b.len, 0);
    buf_grew(&b, 3);
    assert_string_equal(buf_str(&b), "abc");
}

static void taken_content_belongs_to_the_caller(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(10);
    assert_int_equal(buf_adds(&b, "abc"), 0);
    cleanup_free char *taken = buf_take(&b);
    assert_string_equal(taken, "abc");
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_adds(&b, "0123456789"), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_is_an_empty_string),
        cmocka_unit_test(appending_keeps_the_content_terminated),
        cmocka_unit_test(growth_keeps_what_is_there),
        cmocka_unit_test(ceiling_can_be_reached_but_not_passed),
        cmocka_unit_test(formatted_text_obeys_the_ceiling),
        cmocka_unit_test(formatted_text_fits_wherever_the_room_ends),
        cmocka_unit_test(whole_numbers_are_decimal),
        cmocka_unit_test(a_failed_buffer_refuses_what_would_fit),
        cmocka_unit_test(no_memory_is_a_failure_that_keeps_the_content),
        cmocka_unit_test(a_length_that_would_wrap_around_is_refused),
        cmocka_unit_test(reset_forgets_content_and_failure),
        cmocka_unit_test(free_keeps_the_ceiling),
        cmocka_unit_test(dropping_takes_from_the_front),
        cmocka_unit_test(room_is_counted_when_it_is_used),
        cmocka_unit_test(taken_content_belongs_to_the_caller),
    };
    return RUN_TESTS(tests);
}
