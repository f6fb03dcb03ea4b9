#include "service/lines.h"

#include "support.h"

static void lines_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int64_t added, removed;
    } cases[] = {
        {"", "", 0, 0},
        {"a\n", "a\n", 0, 0},
        {"", "a", 1, 0},
        {"", "a\nb\n", 2, 0},
        {"a\nb\n", "", 0, 2},
        {"a\nb\nc\n", "a\nx\nc\n", 1, 1},
        {"a\nb\n", "b\na\n", 0, 0}, // moved
        {"a\na\n", "a\n", 0, 1},
        {"a\n", "a\na\na\n", 2, 0},
        {"a", "a\n", 1, 1}, // the end of the last line is a part of it
        {"ab\nc\n", "a\nbc\n", 2, 2},
        {"\n\n", "\n", 0, 1},
        {"1\n2\n3\n4\n", "0\n2\n5\n4\n6\n", 3, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t added = -1, removed = -1;
        assert_ok(lines_compare(cases[i].a, cases[i].b, &added, &removed, NULL));
        if (added != cases[i].added || removed != cases[i].removed)
            fail_msg("case %zu: +%lld -%lld", i, (long long)added, (long long)removed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_counted),
    };
    return RUN_TESTS(tests);
}
