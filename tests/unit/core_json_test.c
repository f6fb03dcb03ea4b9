#include "core/json.h"

#include <math.h>

#include "base/cleanup.h"
#include "support.h"

// ---- what is JSON, and what of it is taken

static void well_formed_texts_pass(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "null",
        "true",
        " false\n",
        "0",
        "-0",
        "-12.5e+3",
        "1E-400",
        "\"\"",
        "\"a\\u00e9\\n\\/\"",
        "\"\\ud83c\\udf0d\"",
        "\"Zoë 🌍\"",
        "[]",
        "{}",
        "[1,[2,{\"a\":[]}],\"x\"]",
        "{\"a\":1,\"A\":1,\"\":1}",
        "\t{ \"a\" : [ 1 , 2 ] }\r\n",
        "[\"}\",\"]\",\"\\\"\"]",
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (json_check(cases[i], strlen(cases[i]), NULL) < 0)
            fail_msg("refused: %s", cases[i]);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "nul",
        "nullx",
        "True",
        "1 2",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e400",
        "-1e400",
        "0x10",
        "NaN",
        "-",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"\x01\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1}",
        "]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "[1]]",
        "// c\n1",
        "\xef\xbb\xbf"
        "1",
        // taken by cJSON, and not by us
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
        "{\"\xf0\x9f\x8c\x8d\":1,\"\\ud83c\\udf0d\":2}",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"x\":{\"a\":1,\"b\":{},\"a\":1}}",
        "[{\"\":1,\"\":2}]",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        err_t err = {0};
        if (json_check(cases[i], strlen(cases[i]), &err) == 0)
            fail_msg("taken: %s", cases[i]);
        assert_int_equal(err.code, ERR_INVALID_JSON);
    }
    assert_int_equal(json_check("\"a\0b\"", 5, NULL), -1);
}

static void nested(buf_t *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_adds(out, i % 2 ? "{\"a\":" : "[");
    buf_adds(out, "1");
    for (int i = depth; i-- > 0;)
        buf_adds(out, i % 2 ? "}" : "]");
}

static void what_is_only_handed_on_may_hold_escaped_nul(void **state)
{
    (void)state;
    static const char *const good[] = {"\"a\\u0000b\"", "{\"\\u0000\":\"\\ud800\"}",
                                       "[\"\\udc00\"]", "1"};
    static const char *const bad[] = {
        "\"\xff\"", "\"\\u0000\xff\"", "{\"a\":1,\"a\":1}", "\"\\u00\"", "", "1 1"};
    for (size_t i = 0; i < COUNT(good); i++)
        if (!json_passable(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (json_passable(bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_false(json_passable("\"a\0b\"", 5));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const int deep[] = {JSON_DEPTH + 1, 1001, 1000000};
    cleanup_buf buf_t text = BUF_INIT(16 * 1024 * 1024);
    nested(&text, JSON_DEPTH);
    assert_ok(json_check(buf_str(&text), text.len, NULL));
    cleanup_json cJSON *tree = json_parse(buf_str(&text), text.len, NULL);
    assert_non_null(tree);
    for (size_t i = 0; i < COUNT(deep); i++) {
        buf_reset(&text);
        nested(&text, deep[i]);
        assert_int_equal(json_check(buf_str(&text), text.len, NULL), -1);
    }
}

static void many_keys_are_compared_in_time(void **state)
{
    (void)state;
    cleanup_buf buf_t text = BUF_INIT(16 * 1024 * 1024);
    buf_adds(&text, "{");
    for (int i = 0; i < 200000; i++)
        buf_addf(&text, "\"key%d\":%d,", i * 7919 % 200000, i);
    size_t len = text.len;
    buf_adds(&text, "\"x\":0}");
    assert_ok(json_check(buf_str(&text), text.len, NULL));
    text.len = len;
    buf_adds(&text, "\"key5\":0}");
    err_t err;
    assert_fails(json_check(buf_str(&text), text.len, &err), err, ERR_INVALID_JSON);
    assert_contains(err.msg, "key5");
}

// Whatever the bytes, the check neither crashes nor takes what cJSON cannot read.
static void random_texts_do_no_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{",      "}",    "[",  "]",  ",",    ":",        "\"a\"", "\"\\u0061\"",       "1",
        "-2.5e3", "null", "\"", "\\", "\xff", "\xc3\xa9", " ",     "\"\\ud83c\\udf0d\""};
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        cleanup_buf buf_t text = BUF_INIT(4096);
        for (uint32_t n = test_random(&seed) % 12; n > 0; n--)
            buf_adds(&text, pieces[test_random(&seed) % COUNT(pieces)]);
        // An exact copy, so that a read past the end is seen.
        cleanup_free char *exact = malloc(text.len + 1);
        memcpy(exact, buf_str(&text), text.len);
        exact = realloc(exact, text.len ? text.len : 1);
        if (json_check(exact, text.len, NULL) == 0) {
            cleanup_json cJSON *tree = json_parse(exact, text.len, NULL);
            assert_non_null(tree);
        }
        json_input_t in = {0};
        int ignored = json_read(&in, exact, text.len, NULL, 0, NULL, NULL);
        (void)ignored;
        json_input_free(&in);
    }
}

// ---- tables

typedef struct {
    const char *name;
    int64_t age;
    double share;
    bool on;
    int colour;
    const cJSON *tags;
    const cJSON *extra;
    json_raw_t any;
} person_t;

static const char *const COLOURS[] = {"red", "green", NULL};

static const char *check_lower(const char *text)
{
    return text[0] >= 'a' && text[0] <= 'z' ? NULL : "must start with a small letter";
}

#define AT(member) .offset = offsetof(person_t, member)
static const json_field_t PERSON[] = {
    {"name", JSON_TEXT, AT(name), .min = 1, .max = 8, .check = check_lower, .required = true},
    {"age", JSON_INT, AT(age), .min = 0, .max = 150},
    {"share", JSON_REAL, AT(share), .min = 0.05, .max = 2},
    {"on", JSON_BOOL, AT(on)},
    {"colour", JSON_WORD, AT(colour), .words = COLOURS, .nullable = true},
    {"tags", JSON_LIST, AT(tags), .min = 1, .max = 2},
    {"extra", JSON_OBJECT, AT(extra), .nullable = true},
    {"any", JSON_RAW, AT(any), .bytes = 40},
};

static int read_person(json_input_t *in, const char *text, person_t *out, err_t *err)
{
    return json_read(in, text, strlen(text), PERSON, COUNT(PERSON), out, err);
}

static void a_table_fills_a_struct(void **state)
{
    (void)state;
    cleanup_json_input json_input_t in = {0};
    person_t p = {.age = 7, .share = 1};
    err_t err = {0};
    assert_ok(read_person(
        &in,
        "{\"n\\u0061me\":\"bo\\u0062\", \"age\": 4.2e1,\"on\":true,\"colour\":\"green\","
        "\"tags\":[\"x\"],\"extra\":{\"k\":1},\"any\": [1, 12345678901234567890] }",
        &p, &err));
    assert_string_equal(p.name, "bob");
    assert_int_equal(p.age, 42);
    assert_true(p.share > 0.99 && p.share < 1.01);
    assert_true(p.on);
    assert_int_equal(p.colour, 1);
    assert_int_equal(cJSON_GetArraySize(p.tags), 1);
    assert_non_null(cJSON_GetObjectItem(p.extra, "k"));
    assert_int_equal(p.any.len, strlen("[1, 12345678901234567890]"));
    assert_memory_equal(p.any.text, "[1, 12345678901234567890]", p.any.len);
    assert_true(json_given(&in, 1));
    assert_false(json_given(&in, 2));
}

static void nulls_are_for_those_who_take_them(void **state)
{
    (void)state;
    cleanup_json_input json_input_t in = {0};
    person_t p = {.colour = 1};
    assert_ok(
        read_person(&in, "{\"name\":\"a\",\"colour\":null,\"extra\":null,\"any\":null}", &p, NULL));
    assert_int_equal(p.colour, -1);
    assert_null(p.extra);
    assert_memory_equal(p.any.text, "null", 4);
    cleanup_json_input json_input_t other = {0};
    assert_int_equal(read_person(&other, "{\"name\":null}", &p, NULL), -1);
    assert_string_equal(other.errors.items[0].message, "must not be null");
}

static void each_broken_rule_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field, *message;
    } cases[] = {
        {"{}", "name", "is required"},
        {"{\"name\":\"\"}", "name", "must not be empty"},
        {"{\"name\":\"aaaaaaaaa\"}", "name", "must have at most 8 bytes"},
        {"{\"name\":\"\xc3\xa9\"}", "name", "must start with a small letter"},
        {"{\"name\":1}", "name", "must be a string"},
        {"{\"name\":\"a\",\"Age\":1}", "Age", "is not a field"},
        {"{\"name\":\"a\",\"\\u0007\":1}", "\x07", "is not a field"},
        {"{\"name\":\"a\",\"age\":1.5}", "age", "must be a whole number"},
        {"{\"name\":\"a\",\"age\":\"1\"}", "age", "must be a whole number"},
        {"{\"name\":\"a\",\"age\":-1}", "age", "must be from 0 to 150"},
        {"{\"name\":\"a\",\"age\":9007199254740993}", "age", "must be a whole number"},
        {"{\"name\":\"a\",\"age\":1e300}", "age", "must be a whole number"},
        {"{\"name\":\"a\",\"share\":0.01}", "share", "must be from 0.05 to 2"},
        {"{\"name\":\"a\",\"on\":1}", "on", "must be true or false"},
        {"{\"name\":\"a\",\"colour\":\"blue\"}", "colour", "must be one of red, green"},
        {"{\"name\":\"a\",\"colour\":0}", "colour", "must be one of red, green"},
        {"{\"name\":\"a\",\"tags\":{}}", "tags", "must be a list"},
        {"{\"name\":\"a\",\"tags\":[1,2,3]}", "tags", "must have from 1 to 2 items"},
        {"{\"name\":\"a\",\"extra\":[]}", "extra", "must be an object"},
        {"{\"name\":\"a\",\"any\":\"01234567890123456789012345678901234567890\"}", "any",
         "must have at most 40 bytes"},
        {"{\"name\":\"a\\u0000b\"}", "name", "must not contain NUL"},
        {"{\"name\":\"a\xff\"}", "name", "must be UTF-8"},
        {"{\"name\":\"a\\ud800\"}", "name", "must not contain a lone surrogate"},
        {"{\"name\":\"a\",\"any\":[{\"k\":\"\\u0000\"}]}", "any", "must not contain NUL"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_json_input json_input_t in = {0};
        person_t p = {0};
        err_t err = {0};
        if (read_person(&in, cases[i].text, &p, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(in.errors.count, 1);
        assert_string_equal(in.errors.items[0].field, cases[i].field);
        assert_contains(in.errors.items[0].message, cases[i].message);
    }
}

static void all_errors_are_told_at_once(void **state)
{
    (void)state;
    cleanup_json_input json_input_t in = {0};
    person_t p = {0};
    assert_int_equal(read_person(&in, "{\"age\":200,\"on\":3,\"x\":1}", &p, NULL), -1);
    assert_int_equal(in.errors.count, 4);

    cleanup_json_input json_input_t many = {0};
    cleanup_buf buf_t text = BUF_INIT(65536);
    buf_adds(&text, "{");
    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "%s\"k%d\":1", i ? "," : "", i);
    buf_adds(&text, "}");
    assert_int_equal(read_person(&many, buf_str(&text), &p, NULL), -1);
    assert_int_equal(many.errors.count, FIELD_ERRORS_MAX);
}

static void what_is_no_object_is_no_request(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "[]",          "1", "\"a\"", "null", "", "{", "{\"a\":1,\"a\":2}", "{\"\\u0000\":1}",
        "{\"\xff\":1}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_json_input json_input_t in = {0};
        person_t p;
        err_t err;
        assert_fails(read_person(&in, cases[i], &p, &err), err, ERR_INVALID_JSON);
    }
}

// ---- writing

static void values_are_written_with_commas_where_they_belong(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(4096);
    json_begin(&b, NULL, '{');
    json_add_text(&b, "a", "x");
    json_begin(&b, "list", '[');
    json_add_int(&b, NULL, -5);
    json_begin(&b, NULL, '{');
    json_end(&b, '}');
    json_add_real(&b, NULL, 0.1);
    json_add_real(&b, NULL, NAN);
    json_end(&b, ']');
    json_add_bool(&b, "t", true);
    json_add_null(&b, "n");
    json_add_raw(&b, "r", "[1]", 3);
    json_add_text(&b, "none", NULL);
    json_add_ms(&b, "ms", 12345);
    json_add_ms(&b, "unknown", -1);
    json_add_time(&b, "at", 0);
    json_end(&b, '}');
    assert_string_equal(buf_str(&b), "{\"a\":\"x\",\"list\":[-5,{},0.1,null],\"t\":true,\"n\":null,"
                                     "\"r\":[1],\"none\":null,\"ms\":12.345,\"unknown\":null,"
                                     "\"at\":\"1970-01-01T00:00:00.000Z\"}");
    assert_ok(json_check(buf_str(&b), b.len, NULL));
}

static void lines_start_without_a_comma(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(100);
    json_add_int(&b, NULL, 1);
    buf_addc(&b, '\n');
    json_add_int(&b, NULL, 2);
    assert_string_equal(buf_str(&b), "1\n2");
}

static void texts_are_escaped_and_made_utf8(void **state)
{
    (void)state;
    cleanup_buf buf_t b = BUF_INIT(4096);
    static const char text[] = "\"\\/\b\f\n\r\t\0\x1f\x7f é🌍 \xff\xc3(\xe2\x82";
    json_add_textn(&b, NULL, text, sizeof text - 1);
    assert_string_equal(buf_str(&b), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f é🌍 "
                                     "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void numbers_come_back_as_they_were(void **state)
{
    (void)state;
    static const double cases[] = {0.1, 1.0 / 3, 1e21, 123456789.125, 5e-324, 0.05};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buf buf_t b = BUF_INIT(100);
        json_add_real(&b, NULL, cases[i]);
        assert_memory_equal(&(double){strtod(buf_str(&b), NULL)}, &cases[i], sizeof(double));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_texts_pass),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(what_is_only_handed_on_may_hold_escaped_nul),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(many_keys_are_compared_in_time),
        cmocka_unit_test(random_texts_do_no_harm),
        cmocka_unit_test(a_table_fills_a_struct),
        cmocka_unit_test(nulls_are_for_those_who_take_them),
        cmocka_unit_test(each_broken_rule_is_told),
        cmocka_unit_test(all_errors_are_told_at_once),
        cmocka_unit_test(what_is_no_object_is_no_request),
        cmocka_unit_test(values_are_written_with_commas_where_they_belong),
        cmocka_unit_test(lines_start_without_a_comma),
        cmocka_unit_test(texts_are_escaped_and_made_utf8),
        cmocka_unit_test(numbers_come_back_as_they_were),
    };
    return RUN_TESTS(tests);
}
