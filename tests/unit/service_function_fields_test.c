#include "service/function_fields.h"

#include "base/cleanup.h"
#include "core/crypto.h"
#include "service/functions.h"
#include "support.h"

static const char MINIMAL[] =
    "{\"name\":\"n\",\"route\":\"r\",\"language\":\"python\",\"code\":\"c\"}";

static int read_text(const char *text, bool whole, function_t *f, touches_t *touches,
                     field_errors_t *errors, err_t *err)
{
    return function_fields_read(text, strlen(text), whole, f, touches, errors, err);
}

static void assert_json(const function_t *f, fields_shown_t shown, const char *wanted)
{
    cleanup_buf buf_t json = BUF_INIT(4096);
    json_begin(&json, NULL, '{');
    function_fields_json(f, shown, &json);
    json_end(&json, '}');
    assert_string_equal(buf_str(&json), wanted);
}

// What is left out of PUT and create.
static function_t minimal(void)
{
    function_t f = {0};
    touches_t touches;
    field_errors_t errors = {0};
    assert_ok(read_text(MINIMAL, true, &f, &touches, &errors, NULL));
    assert_int_equal(touches, TOUCHES_SETTINGS);
    return f;
}

static void defaults_fill_what_is_left_out(void **state)
{
    (void)state;
    cleanup_function function_t f = minimal();
#define DEFAULTS                                                                                \
    "{\"name\":\"n\",\"route\":\"r\",\"language\":\"python\",\"runtime\":\"docker\","           \
    "\"isolation\":\"request\",\"access\":\"public\",\"event\":\"input\",\"methods\":[\"GET\"," \
    "\"HEAD\",\"POST\",\"PUT\",\"PATCH\",\"DELETE\",\"OPTIONS\"],\"handler\":null,"             \
    "\"timeout_ms\":3000,\"memory_mb\":128,\"cpus\":1,\"disk_mb\":16,\"max_concurrency\":10,"   \
    "\"record_input\":null,\"description\":\"\",\"input_example\":null,"
    assert_json(&f, FIELDS_ALL, DEFAULTS "\"code\":\"c\",\"note\":\"\",\"status\":\"active\"}");
    assert_json(&f, FIELDS_LISTED, DEFAULTS "\"note\":\"\",\"status\":\"active\"}");
    assert_json(&f, FIELDS_VERSION, DEFAULTS "\"code\":\"c\",\"note\":\"\"}");
}

static void everything_can_be_set_and_comes_back(void **state)
{
    (void)state;
    static const char text[] =
        "{\"name\":\"A-b_9\",\"route\":\"x/{id}/"
        "*\",\"language\":\"javascript\",\"runtime\":\"gvisor\","
        "\"isolation\":\"function\",\"access\":\"private\",\"event\":\"http\",\"methods\":[\"GET\","
        "\"POST\"],\"handler\":\"$main\",\"timeout_ms\":900000,\"memory_mb\":1024,\"cpus\":0.125,"
        "\"disk_mb\":256,\"max_concurrency\":1,\"record_input\":true,\"description\":"
        "\"d\\n\\u0001🌍\","
        "\"input_example\":{\"n\":12345678901234567890},\"code\":\"c'\\\"; DROP TABLE x\","
        "\"note\":\"why\",\"status\":\"disabled\"}";
    cleanup_function function_t f = {0};
    touches_t touches;
    field_errors_t errors = {0};
    assert_ok(read_text(text, true, &f, &touches, &errors, NULL));
    assert_int_equal(f.cpu_millis, 125);
    assert_int_equal(f.record_input, RECORD_ALL);
    assert_string_equal(f.input_example, "{\"n\":12345678901234567890}");
    assert_int_equal(f.code_len, strlen(f.code));
    assert_json(&f, FIELDS_ALL, text);
    // PUT sets what it leaves out back.
    assert_ok(read_text(MINIMAL, true, &f, &touches, &errors, NULL));
    assert_json(&f, FIELDS_LISTED, DEFAULTS "\"note\":\"\",\"status\":\"active\"}");
}

static void a_leading_slash_is_no_part_of_a_route(void **state)
{
    (void)state;
    cleanup_function function_t f = minimal();
    touches_t touches;
    field_errors_t errors = {0};
    assert_ok(read_text("{\"route\":\"/a/{b}\"}", false, &f, &touches, &errors, NULL));
    assert_string_equal(f.route, "a/{b}");
}

static void what_a_write_touches_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        touches_t touches;
    } cases[] = {
        {"{}", TOUCHES_NOTHING},
        {"{\"status\":\"disabled\"}", TOUCHES_STATUS},
        {"{\"status\":\"disabled\",\"timeout_ms\":5}", TOUCHES_SETTINGS},
        {"{\"note\":\"only a note\"}", TOUCHES_SETTINGS},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_function function_t f = minimal();
        touches_t touches;
        field_errors_t errors = {0};
        assert_ok(read_text("{\"note\":\"old note\"}", false, &f, &touches, &errors, NULL));
        assert_ok(read_text(cases[i].text, false, &f, &touches, &errors, NULL));
        assert_int_equal(touches, cases[i].touches);
        bool kept = strcmp(f.note, "old note") == 0;
        assert_true(kept == (touches != TOUCHES_SETTINGS));
    }
}

static void versions_say_what_they_change(void **state)
{
    (void)state;
    static const struct {
        const char *body, *fields;
        int64_t added, removed;
    } cases[] = {
        {"{\"note\":\"x\"}", "[\"note\"]", 0, 0},
        {"{\"timeout_ms\":3000}", "[]", 0, 0},
        {"{\"timeout_ms\":5,\"cpus\":0.5,\"status\":\"disabled\"}", "[\"timeout_ms\",\"cpus\"]", 0,
         0},
        {"{\"name\":\"m\",\"handler\":\"h\",\"methods\":[\"GET\"],\"record_input\":false}",
         "[\"name\",\"methods\",\"handler\",\"record_input\"]", 0, 0},
        {"{\"input_example\":1}", "[\"input_example\"]", 0, 0},
        {"{\"code\":\"a\\nb\\nc\"}", "[\"code\"]", 2, 0},
        {"{\"code\":\"d\"}", "[\"code\"]", 1, 1},
    };
    cleanup_function function_t was = minimal();
    function_changes_t changes;
    assert_ok(function_fields_compare(NULL, &was, &changes, NULL));
    assert_string_equal(changes.fields, "[]");
    assert_int_equal(changes.lines_added, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_function function_t f = minimal();
        touches_t touches;
        field_errors_t errors = {0};
        assert_ok(read_text(cases[i].body, false, &f, &touches, &errors, NULL));
        assert_ok(function_fields_compare(&was, &f, &changes, NULL));
        assert_string_equal(changes.fields, cases[i].fields);
        assert_int_equal(changes.lines_added, cases[i].added);
        assert_int_equal(changes.lines_removed, cases[i].removed);
    }
}

static void each_rule_names_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *member, *field, *rule;
    } cases[] = {
        {"\"name\":\"-a\"", "name", "letters, digits"},
        {"\"name\":\"a b\"", "name", "letters, digits"},
        {"\"name\":\"é\"", "name", "letters, digits"},
        {"\"name\":\"\"", "name", "must not be empty"},
        {"\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "name",
         "at most 64"},
        {"\"route\":\"a//b\"", "route", "empty segment"},
        {"\"route\":\"../x\"", "route", "must not have"},
        {"\"language\":\"ruby\"", "language", "must be one of python, javascript"},
        {"\"runtime\":\"podman\"", "runtime", "must be one of docker, gvisor"},
        {"\"isolation\":\"none\"", "isolation", "must be one of"},
        {"\"access\":\"\"", "access", "must be one of"},
        {"\"event\":\"sqs\"", "event", "must be one of"},
        {"\"methods\":[]", "methods", "items"},
        {"\"methods\":[\"get\"]", "methods", "must be GET"},
        {"\"methods\":[1]", "methods", "must be GET"},
        {"\"methods\":\"GET\"", "methods", "must be a list"},
        {"\"handler\":\"\"", "handler", "must not be empty"},
        {"\"handler\":\"a-b\"", "handler", "must be a name"},
        {"\"handler\":\"1a\"", "handler", "must be a name"},
        {"\"timeout_ms\":0", "timeout_ms", "must be from 1 to 900000"},
        {"\"timeout_ms\":900001", "timeout_ms", "must be from 1 to 900000"},
        {"\"timeout_ms\":-1e300", "timeout_ms", "must be a whole number"},
        {"\"timeout_ms\":\"3000\"", "timeout_ms", "must be a whole number"},
        {"\"memory_mb\":31", "memory_mb", "must be from 32 to 1024"},
        {"\"memory_mb\":1025", "memory_mb", "must be from 32 to 1024"},
        {"\"memory_mb\":32,\"language\":\"javascript\"", "memory_mb", "must be at least 64"},
        {"\"memory_mb\":32,\"runtime\":\"gvisor\"", "memory_mb", "python on gvisor"},
        {"\"cpus\":0.04", "cpus", "must be from 0.05 to 2"},
        {"\"cpus\":2.1", "cpus", "must be from 0.05 to 2"},
        {"\"disk_mb\":0", "disk_mb", "must be from 1 to 256"},
        {"\"max_concurrency\":0", "max_concurrency", "must be from 1"},
        {"\"record_input\":1", "record_input", "must be true, false or null"},
        {"\"record_input\":\"true\"", "record_input", "must be true, false or null"},
        {"\"route\":\"/\"", "route", "must not be empty"},
        {"\"description\":5", "description", "must be a string"},
        {"\"code\":\"\"", "code", "must not be empty"},
        {"\"code\":\"a\\u0000\"", "code", "NUL"},
        {"\"code\":\"a\xff\"", "code", "UTF-8"},
        {"\"status\":\"deleted\"", "status", "must be one of active, disabled"},
        {"\"Name\":\"x\"", "Name", "is not a field"},
        {"\"id\":\"x\"", "id", "is not a field"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buf buf_t text = BUF_INIT(4096);
        cleanup_function function_t f = minimal();
        touches_t touches;
        field_errors_t errors = {0};
        err_t err = {0};
        buf_addf(&text, "{%s}", cases[i].member);
        if (read_text(buf_str(&text), false, &f, &touches, &errors, &err) == 0)
            fail_msg("taken: %s", cases[i].member);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(errors.count, 1);
        assert_string_equal(errors.items[0].field, cases[i].field);
        assert_contains(errors.items[0].message, cases[i].rule);
    }
}

static void code_has_at_most_one_mebibyte(void **state)
{
    (void)state;
    for (int more = 0; more <= 1; more++) {
        cleanup_buf buf_t text = BUF_INIT(FUNCTION_BODY_MAX);
        cleanup_function function_t f = {0};
        field_errors_t errors = {0};
        touches_t touches;
        buf_adds(&text, "{\"name\":\"n\",\"route\":\"r\",\"language\":\"python\",\"code\":\"");
        for (int i = 0; i < FUNCTION_CODE_MAX + more; i++)
            buf_addc(&text, 'x');
        buf_adds(&text, "\"}");
        int rc = read_text(buf_str(&text), true, &f, &touches, &errors, NULL);
        assert_int_equal(rc, -more);
        if (more)
            assert_string_equal(errors.items[0].field, "code");
    }
}

static void a_revision_comes_from_if_match(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int rc;
        int64_t revision;
    } cases[] = {
        {NULL, 0, FUNCTION_ANY_REVISION},
        {"*", 0, FUNCTION_ANY_REVISION},
        {"\"7\"", 0, 7},
        {"7", -1, 0},
        {"\"\"", -1, 0},
        {"\"7", -1, 0},
        {"\"0\"", -1, 0},
        {"\"-1\"", -1, 0},
        {"W/\"7\"", 0, 7},
        {"W/7", -1, 0},
        {"W/", -1, 0},
        {"w/\"7\"", -1, 0},
        {"\"99999999999999999999999999\"", -1, 0},
        {"\"9999999999999999999\"", -1, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t revision;
        err_t err = {0};
        assert_int_equal(functions_if_match(cases[i].header, &revision, &err), cases[i].rc);
        if (cases[i].rc == 0)
            assert_int_equal(revision, cases[i].revision);
        else
            assert_int_equal(err.code, ERR_STALE);
    }
    char etag[FUNCTION_ETAG];
    function_t f = {.revision = INT64_MAX};
    functions_etag(&f, etag);
    assert_string_equal(etag, "\"9223372036854775807\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_left_out),
        cmocka_unit_test(everything_can_be_set_and_comes_back),
        cmocka_unit_test(a_leading_slash_is_no_part_of_a_route),
        cmocka_unit_test(what_a_write_touches_is_known),
        cmocka_unit_test(versions_say_what_they_change),
        cmocka_unit_test(each_rule_names_its_field),
        cmocka_unit_test(code_has_at_most_one_mebibyte),
        cmocka_unit_test(a_revision_comes_from_if_match),
    };
    return RUN_TESTS(tests);
}
