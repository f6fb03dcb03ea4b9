// html/openapi.json against the tables of the program: routes, the fields of a function, error codes.
#include <stdio.h>

#include "api/problem.h"
#include "api/routes.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "core/limits.h"
#include "model/function_table.h"
#include "support.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static cJSON *document;

static const cJSON *at(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_at(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(at(object, key));
    return text ? text : "";
}

static bool has_text(const cJSON *list, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, list)
        if (cJSON_IsString(item) && str_eq(item->valuestring, text))
            return true;
    return false;
}

// The operation of a route; fails where there is none.
static const cJSON *operation_of(const api_route_t *route)
{
    char method[16] = "";
    for (size_t i = 0; route->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)(route->method[i] | 0x20);
    const cJSON *operation = at(at(at(document, "paths"), route->path), method);
    if (!operation)
        fail_msg("html/openapi.json lacks %s %s", route->method, route->path);
    return operation;
}

// ---- routes

static void every_route_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++)
        assert_string_equal(text_at(operation_of(&api_routes[i]), "operationId"),
                            api_routes[i].operation);
}

static bool is_route(const char *operation_id)
{
    for (size_t i = 0; i < api_route_count; i++)
        if (str_eq(api_routes[i].operation, operation_id))
            return true;
    return false;
}

static void nothing_else_is_described(void **state)
{
    (void)state;
    const cJSON *path, *operation;
    size_t count = 0;
    cJSON_ArrayForEach (path, at(document, "paths")) {
        cJSON_ArrayForEach (operation, path) {
            if (str_eq(operation->string, "parameters"))
                continue;
            count++;
            if (!is_route(text_at(operation, "operationId")))
                fail_msg("%s %s is no route", operation->string, path->string);
        }
    }
    assert_int_equal(count, api_route_count);
}

// What the list of ways to sign in says, as in the route table.
static void each_operation_says_who_may(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const api_route_t *route = &api_routes[i];
        const cJSON *ways = at(operation_of(route), "security");
        const cJSON *token = at(cJSON_GetArrayItem(ways, 0), "token");
        const char *scope = route->who < WHO_STRANGER ? scope_name((scope_t)route->who) : "";
        int wanted = route->who == WHO_ANYONE || route->who == WHO_STRANGER ? 0
                     : route->who == WHO_PERSON                             ? 1
                                                                            : 2;
        if (cJSON_GetArraySize(ways) != wanted || (wanted == 2) != (token != NULL) ||
            cJSON_GetArraySize(token) != (scope[0] != 0) || (scope[0] && !has_text(token, scope)))
            fail_msg("%s: security is not that of the route", route->operation);
    }
}

static void bodies_are_described_where_they_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const cJSON *operation = operation_of(&api_routes[i]);
        bool described = at(operation, "requestBody") != NULL;
        bool bounded = at(at(operation, "responses"), "413") != NULL;
        if (described != (api_routes[i].body_max > 0) || bounded != described)
            fail_msg("%s: the body, or that it can be too large", api_routes[i].operation);
    }
}

// ---- errors

static void every_error_code_is_described(void **state)
{
    (void)state;
    const cJSON *codes =
        at(at(at(at(at(document, "components"), "schemas"), "Problem"), "properties"), "code");
    codes = at(codes, "enum");
    static const err_code_t all[] = {
#define X(name, text) name,
        ERR_CODES(X)
#undef X
    };
    // What only our own parts use is told under another code.
    static const err_code_t own[] = {ERR_CLOSED, ERR_TIMEOUT, ERR_LIMIT, ERR_PROTOCOL};
    for (size_t i = 0; i < COUNT(all); i++) {
        bool ours = false;
        for (size_t k = 0; k < COUNT(own); k++)
            ours |= own[k] == all[i];
        if (has_text(codes, err_code_name(all[i])) == ours)
            fail_msg("Problem: the code %s", err_code_name(all[i]));
    }
    assert_int_equal(cJSON_GetArraySize(codes), COUNT(all) - COUNT(own));
}

// ---- the fields of a function

static bool is_of_type(const cJSON *schema, const char *type)
{
    const cJSON *types = at(schema, "type");
    return cJSON_IsArray(types) ? has_text(types, type) : str_eq(text_at(schema, "type"), type);
}

static const char *type_of(field_kind_t kind)
{
    static const char *const types[] = {
        [FIELD_CHARS] = "string",       [FIELD_TEXT] = "string",    [FIELD_RAW] = "",
        [FIELD_INT] = "integer",        [FIELD_WORD] = "string",    [FIELD_METHODS] = "array",
        [FIELD_THOUSANDTHS] = "number", [FIELD_RECORD] = "boolean",
    };
    return types[kind];
}

static void assert_number(const cJSON *schema, const char *key, double wanted)
{
    const cJSON *number = at(schema, key);
    if (!number || number->valuedouble < wanted || number->valuedouble > wanted)
        fail_msg("%s: %s is not %g", schema->string, key, wanted);
}

static void assert_bounds(const cJSON *schema, const function_field_t *field)
{
    bool number = field->kind == FIELD_INT || field->kind == FIELD_THOUSANDTHS;
    bool list = field->kind == FIELD_METHODS;
    if (field->kind == FIELD_RAW || (field->min <= 0 && field->max <= 0))
        return;
    if (field->min > 0)
        assert_number(schema, number ? "minimum" : list ? "minItems" : "minLength", field->min);
    assert_number(schema, number ? "maximum" : list ? "maxItems" : "maxLength", field->max);
}

static void assert_words(const cJSON *schema, const char *const *words)
{
    const cJSON *list = at(schema, "enum");
    int count = 0;
    for (; words[count]; count++)
        if (!has_text(list, words[count]))
            fail_msg("%s: enum lacks %s", schema->string, words[count]);
    assert_int_equal(cJSON_GetArraySize(list), count);
}

static void assert_default(const cJSON *schema, const char *preset)
{
    const cJSON *given = at(schema, "default");
    cleanup_json cJSON *wanted = preset ? json_parse(preset, strlen(preset), NULL) : NULL;
    if (preset ? !cJSON_Compare(given, wanted, true) : given != NULL)
        fail_msg("%s: default is not %s", schema->string, preset ? preset : "left out");
}

// A schema, or the one of components.schemas that it refers to.
static const cJSON *resolved(const cJSON *schema)
{
    static const char prefix[] = "#/components/schemas/";
    const char *ref = text_at(schema, "$ref");
    if (strncmp(ref, prefix, sizeof prefix - 1) != 0)
        return schema;
    return at(at(at(document, "components"), "schemas"), ref + sizeof prefix - 1);
}

static void the_languages_are_those_of_the_table(void **state)
{
    (void)state;
    const cJSON *schema = at(at(at(document, "components"), "schemas"), "Language");
    const cJSON *described = at(schema, "x-languages");
    assert_int_equal(cJSON_GetArraySize(at(schema, "enum")), LANG_COUNT);
    assert_int_equal(cJSON_GetArraySize(described), LANG_COUNT);
    for (int l = 0; l < LANG_COUNT; l++) {
        const char *name = language_name((language_t)l);
        const cJSON *language = at(described, name);
        if (!has_text(at(schema, "enum"), name) || !language)
            fail_msg("Language lacks %s", name);
        for (int r = 0; r < RUNTIME_COUNT; r++)
            assert_number(at(language, "memory_mb"), runtime_name((runtime_t)r),
                          limit_memory_floor_mb((language_t)l, (runtime_t)r));
        if (!text_at(language, "title")[0] || !text_at(language, "starter")[0] ||
            cJSON_GetArraySize(at(language, "extensions")) == 0)
            fail_msg("Language: %s lacks a title, a starter or extensions", name);
    }
}

static void the_fields_of_a_function_have_their_rules(void **state)
{
    (void)state;
    const cJSON *schemas = at(at(document, "components"), "schemas");
    const cJSON *properties = at(at(schemas, "FunctionSettings"), "properties");
    const cJSON *required = at(at(schemas, "FunctionNew"), "required");
    int count = 0;
    for (size_t i = 0; i < FUNCTION_FIELD_COUNT; i++) {
        const function_field_t *field = &FUNCTION_FIELDS[i];
        const cJSON *schema = resolved(at(properties, field->name));
        if (!schema)
            fail_msg("FunctionSettings lacks %s", field->name);
        const char *type = type_of(field->kind);
        if (!is_of_type(schema, type) || (type[0] && is_of_type(schema, "null") != field->nullable))
            fail_msg("%s: type", field->name);
        assert_bounds(schema, field);
        if (field->kind == FIELD_WORD)
            assert_words(schema, field->words);
        assert_default(schema, field->preset);
        if (has_text(required, field->name) != !field->preset)
            fail_msg("%s: required", field->name);
        count += !field->preset;
    }
    assert_int_equal(cJSON_GetArraySize(properties), FUNCTION_FIELD_COUNT);
    assert_int_equal(cJSON_GetArraySize(required), count);
}

static int start(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_buf buf_t text = BUF_INIT(FILE_MAX);
    cleanup_fclose FILE *f = fopen("html/openapi.json", "re");
    assert_non_null(f);
    size_t n = fread(buf_room(&text, FILE_MAX), 1, FILE_MAX, f);
    buf_grew(&text, n);
    document = json_parse(buf_str(&text), text.len, &err);
    if (!document)
        fail_msg("html/openapi.json: %s", err.msg);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cJSON_Delete(document);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(nothing_else_is_described),
        cmocka_unit_test(each_operation_says_who_may),
        cmocka_unit_test(bodies_are_described_where_they_are_read),
        cmocka_unit_test(every_error_code_is_described),
        cmocka_unit_test(the_languages_are_those_of_the_table),
        cmocka_unit_test(the_fields_of_a_function_have_their_rules),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, start, stop);
}
