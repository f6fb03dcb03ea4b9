#include "core/route.h"

#include "support.h"

static void patterns_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text, *kept, *key;
    } cases[] = {
        {"hello", "hello", "hello"},
        {"/hello", "hello", "hello"},
        {"a/{x}", "a/{x}", "a/{}"},
        {"a/{other_1}/b", "a/{other_1}/b", "a/{}/b"},
        {"a/*", "a/*", "a/*"},
        {"{x}/*", "{x}/*", "{}/*"},
        {"A.b_c~d-e", "A.b_c~d-e", "A.b_c~d-e"},
        {"...", "...", "..."},
        {"1/2/3/4/5/6/7/8", "1/2/3/4/5/6/7/8", "1/2/3/4/5/6/7/8"},
        {"1/2/3/4/5/6/7/{x}/*", "1/2/3/4/5/6/7/{x}/*", "1/2/3/4/5/6/7/{}/*"},
        {"{_}", "{_}", "{}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        route_t route;
        char key[ROUTE_TEXT];
        assert_ok(route_parse(cases[i].text, &route, NULL));
        route_key(&route, key);
        assert_string_equal(route.text, cases[i].kept);
        assert_string_equal(key, cases[i].key);
    }
}

static void other_patterns_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "/",
        "//a",
        "a//b",
        "a/",
        "a/./b",
        "a/..",
        "..",
        ".",
        "*",
        "/*",
        "a/*/b",
        "a/b*",
        "a b",
        "a%20b",
        "é",
        "a?b",
        "a#b",
        "a/{}",
        "a/{1x}",
        "a/{x",
        "a/x}",
        "a/{x}y",
        "a/{x-y}",
        "{a}/{a}",
        "a/{x}/{x}",
        "a\\b",
        "a\nb",
        "1/2/3/4/5/6/7/8/9",
        "a/**",
        "a/*/",
        "a/{{x}}",
        "a:b",
        "a@b",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        route_t route;
        err_t err = {0};
        if (route_parse(cases[i], &route, &err) == 0)
            fail_msg("taken: %s", cases[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(strncmp(err.msg, "m", 1) == 0); // must, may
    }
    char longest[ROUTE_TEXT + 1];
    route_t route;
    memset(longest, 'a', sizeof longest);
    longest[ROUTE_TEXT - 1] = '\0';
    assert_ok(route_parse(longest, &route, NULL));
    longest[ROUTE_TEXT - 1] = 'a';
    longest[ROUTE_TEXT] = '\0';
    assert_int_equal(route_parse(longest, &route, NULL), -1);
}

static bool matches(const char *pattern, const char *path, route_path_t *split,
                    route_params_t *params)
{
    static route_t route; // params point into it
    assert_ok(route_parse(pattern, &route, NULL));
    return route_path(path, split) && route_match(&route, split, params);
}

static void paths_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool match;
    } cases[] = {
        {"hello", "hello", true},
        {"hello", "/hello", true},
        {"hello", "hello/", true},
        {"hello", "%68ello", true},
        {"hello", "Hello", false},
        {"hello", "hello/x", false},
        {"hello", "hell", false},
        {"a/{x}", "a/b", true},
        {"a/{x}", "a", false},
        {"a/{x}", "a/b/c", false},
        {"a/*", "a", true},
        {"a/*", "a/", true},
        {"a/*", "a/b/c/d/e/f/g/h/i/j", true},
        {"a/*", "ab", false},
        {"{x}/*", "a", true},
        {"a~b", "a%7Eb", true},
        // nothing answers these
        {"{x}", "", false},
        {"{x}", "/", false},
        {"{x}", "//", false},
        {"{x}", "//a", false},
        {"a/*", "a//b", false},
        {"a/*", "a/b//", false},
        {"a/*", "a/../b", false},
        {"a/*", "a/%2e%2E/b", false},
        {"a/*", "a/.", false},
        {"{x}", "%00", false},
        {"{x}", "a%0ab", false},
        {"{x}", "%7f", false},
        {"{x}", "%", false},
        {"{x}", "%4", false},
        {"{x}", "%zz", false},
        {"{x}", "%ff", false},
        {"{x}", "%c0%80", false},
        {"{x}", "\xff", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        route_path_t split;
        if (matches(cases[i].pattern, cases[i].path, &split, NULL) != cases[i].match)
            fail_msg("%s against %s", cases[i].pattern, cases[i].path);
    }
}

static void params_are_decoded(void **state)
{
    (void)state;
    route_path_t split;
    route_params_t params;
    assert_true(
        matches("shop/{id}/x/{name}/*", "/shop/4%202/x/Zo%C3%AB%2Fy/r%20s/t", &split, &params));
    assert_int_equal(params.count, 3);
    assert_memory_equal(params.items[0].name, "id", params.items[0].name_len);
    assert_string_equal(params.items[0].value, "4 2");
    assert_memory_equal(params.items[1].name, "name", params.items[1].name_len);
    assert_string_equal(params.items[1].value, "Zoë/y");
    assert_memory_equal(params.items[2].name, "*", params.items[2].name_len);
    assert_string_equal(params.items[2].value, "r%20s/t");

    assert_true(matches("a/*", "a", &split, &params));
    assert_string_equal(params.items[0].value, "");
}

static void long_paths_end_early(void **state)
{
    (void)state;
    static char text[2 * ROUTE_PATH];
    route_path_t split;
    memset(text, 'a', ROUTE_PATH);
    assert_false(route_path(text, &split));
    text[ROUTE_PATH - 1] = '\0';
    assert_true(route_path(text, &split));
    for (size_t i = 0; i < 2 * ROUTE_PATH_SEGMENTS; i++)
        memcpy(text + 2 * i, "a/", 3);
    assert_true(route_path(text + 2 * ROUTE_PATH_SEGMENTS, &split));
    assert_int_equal(split.count, ROUTE_PATH_SEGMENTS);
    assert_false(route_path(text, &split));
}

// What a database does with route_keys and route_rank.
static const char *best(const char *const *patterns, size_t count, const char *path)
{
    static route_path_t split;
    const char *found = NULL;
    uint32_t found_rank = 0;
    route_keys_t keys;
    assert_true(route_path(path, &split));
    assert_ok(route_keys(&split, &keys, NULL));
    for (size_t i = 0; i < count; i++) {
        route_t route;
        char key[ROUTE_TEXT];
        assert_ok(route_parse(patterns[i], &route, NULL));
        route_key(&route, key);
        bool listed = false;
        for (int k = 0; k < keys.count; k++)
            listed |= strcmp(keys.text.data + keys.at[k], key) == 0;
        if (listed != route_match(&route, &split, NULL))
            fail_msg("%s: %s is %s", path, patterns[i], listed ? "listed" : "not listed");
        if (!listed)
            continue;
        assert_int_not_equal(route_rank(&route), found_rank);
        if (route_rank(&route) > found_rank) {
            found_rank = route_rank(&route);
            found = patterns[i];
        }
    }
    route_keys_free(&keys);
    return found;
}

static void the_most_specific_wins(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "a",
        "a/*",
        "{x}",
        "{x}/*",
        "a/b",
        "a/{x}",
        "a/b/*",
        "a/{x}/c",
        "{x}/b/c",
        "a/b/{x}",
        "{x}/{y}",
        "{x}/{y}/{z}",
        "{x}/b/*",
        "a/{x}/*",
        "1/2/3/4/5/6/7/{x}",
        "1/2/3/4/5/6/7/*",
        "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}",
        "1/2/3/4/5/6/7/8/*",
    };
    static const struct {
        const char *path, *wins;
    } cases[] = {
        {"a", "a"},
        {"b", "{x}"},
        {"a/b", "a/b"},
        {"a/x", "a/{x}"},
        {"x/b", "{x}/b/*"},
        {"x/y", "{x}/{y}"},
        {"a/b/c", "a/b/{x}"},
        {"a/x/c", "a/{x}/c"},
        {"a/x/d", "a/{x}/*"},
        {"x/b/c", "{x}/b/c"},
        {"x/b/d", "{x}/b/*"},
        {"x/y/z", "{x}/{y}/{z}"},
        {"a/b/c/d/e/f/g/h/i", "a/b/*"},
        {"x/y/z/1", "{x}/*"},
        {"1/2/3/4/5/6/7/8", "1/2/3/4/5/6/7/8/*"},
        {"1/2/3/4/5/6/7/9", "1/2/3/4/5/6/7/{x}"},
        {"1/2/3/4/5/6/7", "1/2/3/4/5/6/7/*"},
        {"1/2/3/4/5/6/7/8/9", "1/2/3/4/5/6/7/8/*"},
        {"x x/b", "{x}/b/*"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *found = best(patterns, COUNT(patterns), cases[i].path);
        assert_non_null(found);
        assert_string_equal(found, cases[i].wins);
    }
    assert_null(best(patterns, 1, "b"));
}

// Keys and matching must agree whatever the path; exactly what route_keys says is found in a table.
static void keys_agree_with_matching(void **state)
{
    (void)state;
    static const char *const segments[] = {"a", "b", "{x}", "{y}", "{z}"};
    uint32_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        char pattern[64] = "", path[64] = "";
        for (uint32_t n = 1 + test_random(&seed) % 4; n > 0; n--) {
            strncat(pattern, segments[test_random(&seed) % COUNT(segments)], 8);
            strncat(pattern, n > 1 ? "/" : test_random(&seed) % 3 ? "" : "/*", 4);
        }
        for (uint32_t n = 1 + test_random(&seed) % 5; n > 0; n--) {
            strncat(path, segments[test_random(&seed) % 2], 8);
            strncat(path, n > 1 ? "/" : "", 4);
        }
        const char *one[] = {pattern};
        route_t route;
        if (route_parse(pattern, &route, NULL) == 0)
            best(one, 1, path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_taken),
        cmocka_unit_test(other_patterns_are_refused),
        cmocka_unit_test(paths_match),
        cmocka_unit_test(params_are_decoded),
        cmocka_unit_test(long_paths_end_early),
        cmocka_unit_test(the_most_specific_wins),
        cmocka_unit_test(keys_agree_with_matching),
    };
    return RUN_TESTS(tests);
}
