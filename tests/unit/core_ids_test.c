#include "core/ids.h"

#include <pthread.h>

#include "base/clock.h"
#include "support.h"

static void a_new_id_is_a_version_7_uuid_of_now(void **state)
{
    (void)state;
    int64_t before = clock_wall_us() / 1000;
    for (int i = 0; i < 1000; i++) {
        char text[ID_TEXT];
        uint8_t bytes[ID_BYTES];
        id_new(text);
        assert_int_equal(strlen(text), ID_TEXT - 1);
        assert_int_equal(text[14], '7');
        assert_non_null(strchr("89ab", text[19]));
        assert_true(id_to_bytes(text, bytes));
        // The counter may run a little ahead of the clock.
        assert_in_range(id_time_ms(bytes), before, clock_wall_us() / 1000 + 1);
    }
}

static void later_ids_are_greater(void **state)
{
    (void)state;
    char last[ID_TEXT], next[ID_TEXT];
    id_new(last);
    for (int i = 0; i < 20000; i++) { // more than one millisecond's counter holds
        id_new(next);
        assert_true(strcmp(last, next) < 0);
        memcpy(last, next, sizeof last);
    }
}

enum { THREADS = 8, IDS_PER_THREAD = 5000 };

static void *make_ids(void *arg)
{
    char(*ids)[ID_TEXT] = arg;
    for (int i = 0; i < IDS_PER_THREAD; i++)
        id_new(ids[i]);
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void ids_of_several_threads_rise_in_each_and_never_repeat(void **state)
{
    (void)state;
    static char ids[THREADS][IDS_PER_THREAD][ID_TEXT];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int j = 1; j < IDS_PER_THREAD; j++)
            assert_true(strcmp(ids[i][j - 1], ids[i][j]) < 0);
    qsort(ids, (size_t)THREADS * IDS_PER_THREAD, ID_TEXT, compare_ids);
    const char *all = ids[0][0];
    // The first 18 characters are time and counter: they alone are told apart.
    for (size_t i = 1; i < (size_t)THREADS * IDS_PER_THREAD; i++)
        assert_true(strncmp(all + (i - 1) * ID_TEXT, all + i * ID_TEXT, 18) < 0);
}

static void text_and_bytes_convert_both_ways(void **state)
{
    (void)state;
    static const char text[] = "01926f5c-7d3e-7a10-8000-0123456789ab";
    static const uint8_t expected[ID_BYTES] = {0x01, 0x92, 0x6f, 0x5c, 0x7d, 0x3e, 0x7a, 0x10,
                                               0x80, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab};
    uint8_t bytes[ID_BYTES];
    char back[ID_TEXT];
    assert_true(id_to_bytes(text, bytes));
    assert_memory_equal(bytes, expected, ID_BYTES);
    id_from_bytes(bytes, back);
    assert_string_equal(back, text);
    assert_int_equal(id_time_ms(bytes), 0x01926f5c7d3e);
}

static void only_canonical_text_is_valid(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"01926f5c-7d3e-7a10-8000-0123456789ab", true},
        {"00000000-0000-0000-0000-000000000000", true},
        {"ffffffff-ffff-4fff-bfff-ffffffffffff", true},
        {"", false},
        {"01926f5c-7d3e-7a10-8000-0123456789a", false},
        {"01926f5c-7d3e-7a10-8000-0123456789abc", false},
        {"01926F5C-7D3E-7A10-8000-0123456789AB", false},
        {"01926f5c-7d3e-7a10-8000-0123456789aB", false},
        {"01926f5c07d3e-7a10-8000-0123456789ab", false},
        {"01926f5-c7d3e-7a10-8000-0123456789ab", false},
        {"01926f5c-7d3e-7a10-8000-0123456789ag", false},
        {"01926f5c-7d3e-7a10-8000-0123456789 b", false},
        {"{1926f5c-7d3e-7a10-8000-0123456789a}", false},
        {"01926f5c7d3e7a1080000123456789abcdef", false},
        {"------------------------------------", false},
        {"01926f5c-7d3e-7a10-8000-0123456789\xc3\xa4", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (id_valid(cases[i].text) != cases[i].valid)
            fail_msg("%s", cases[i].text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_id_is_a_version_7_uuid_of_now),
        cmocka_unit_test(later_ids_are_greater),
        cmocka_unit_test(ids_of_several_threads_rise_in_each_and_never_repeat),
        cmocka_unit_test(text_and_bytes_convert_both_ways),
        cmocka_unit_test(only_canonical_text_is_valid),
    };
    return RUN_TESTS(tests);
}
