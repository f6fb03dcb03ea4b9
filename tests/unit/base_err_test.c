#include "support.h"

#include <errno.h>

static void error_is_filled_and_minus_one_returned(void **state)
{
    (void)state;
    err_t err = {0};
    assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no function %d", 7), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "no function 7");
}

static void caller_may_pass_null(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_INVALID, "x"), -1);
    assert_int_equal(err_errno(NULL, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void errno_is_told_and_kept(void **state)
{
    (void)state;
    err_t err = {0};
    errno = ENOENT;
    assert_int_equal(err_errno(&err, "open %s", "a"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_string_equal(err.msg, "open a: No such file or directory");
}

static void wrapping_adds_in_front_and_keeps_the_code(void **state)
{
    (void)state;
    err_t err;
    err_set(&err, ERR_LIMIT, "too long");
    assert_int_equal(err_wrap(&err, "%s line %d", "file", 3), -1);
    assert_int_equal(err_wrap(&err, "settings"), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "settings: file line 3: too long");
}

static void long_texts_are_cut_and_stay_terminated(void **state)
{
    (void)state;
    char text[2 * sizeof((err_t *)0)->msg];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    err_t err;
    err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    errno = EIO;
    err_errno(&err, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
#define X(name, text) name,
    static const err_code_t codes[] = {ERR_CODES(X)};
#undef X
    assert_string_equal(err_code_name(ERR_NONE), "ok");
    assert_string_equal(err_code_name(ERR_TOO_LARGE), "request_too_large");
    for (size_t i = 0; i < COUNT(codes); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(err_code_name(codes[i]), err_code_name(codes[j]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_filled_and_minus_one_returned),
        cmocka_unit_test(caller_may_pass_null),
        cmocka_unit_test(errno_is_told_and_kept),
        cmocka_unit_test(wrapping_adds_in_front_and_keeps_the_code),
        cmocka_unit_test(long_texts_are_cut_and_stay_terminated),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return RUN_TESTS(tests);
}
