#include "api/routes.h"

#include "base/str.h"
#include "support.h"

static int find(const char *method, const char *path, const api_route_t **route,
                const char *params[2], char allow[ALLOW_TEXT], err_t *err)
{
    static char text[256];
    const char *segments[16];
    size_t count = 0;
    assert_true(str_copy(text, sizeof text, path + 1));
    for (char *p = text;; p++) {
        segments[count++] = p;
        p += strcspn(p, "/");
        if (!*p)
            break;
        *p = '\0';
    }
    return api_route_find(method, segments, count, route, params, allow, err);
}

static void paths_find_their_operation(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *operation, *first, *second;
    } cases[] = {
        {"GET", "/api/functions", "listFunctions", "", ""},
        {"HEAD", "/api/functions", "listFunctions", "", ""},
        {"POST", "/api/functions", "createFunction", "", ""},
        {"DELETE", "/api/functions/7", "deleteFunction", "7", ""},
        {"POST", "/api/functions/7/execute", "executeFunction", "7", ""},
        {"GET", "/api/functions/7/versions/3", "getFunctionVersion", "7", "3"},
        {"GET", "/api/health", "getHealth", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const api_route_t *route = NULL;
        const char *params[2];
        char allow[ALLOW_TEXT];
        err_t err;
        assert_ok(find(cases[i].method, cases[i].path, &route, params, allow, &err));
        assert_string_equal(route->operation, cases[i].operation);
        assert_string_equal(params[0], cases[i].first);
        assert_string_equal(params[1], cases[i].second);
    }
}

static void unknown_paths_are_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",
        "/api",
        "/api/",
        "/api/function",
        "/api/functionss",
        "/API/functions",
        "/api/functions/",
        "/api//functions",
        "/api/functions/7/",
        "/functions",
        "/api/functions/7/execute/x",
        "/api/functions//execute",
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        const api_route_t *route = NULL;
        const char *params[2];
        char allow[ALLOW_TEXT];
        err_t err = {0};
        if (find("GET", paths[i], &route, params, allow, &err) != -1 || err.code != ERR_NOT_FOUND)
            fail_msg("%s", paths[i]);
    }
}

static void wrong_methods_are_told_the_right_ones(void **state)
{
    (void)state;
    const api_route_t *route = NULL;
    const char *params[2];
    char allow[ALLOW_TEXT];
    err_t err;
    assert_fails(find("DELETE", "/api/functions", &route, params, allow, &err), err, ERR_METHOD);
    assert_string_equal(allow, "GET, HEAD, POST");
    assert_fails(find("GET", "/api/functions/7/execute", &route, params, allow, &err), err,
                 ERR_METHOD);
    assert_string_equal(allow, "POST");
    assert_fails(find("get", "/api/functions/7", &route, params, allow, &err), err, ERR_METHOD);
    assert_string_equal(allow, "GET, HEAD, PUT, PATCH, DELETE");
}

static void every_operation_has_one_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const api_route_t *a = &api_routes[i];
        assert_true(str_starts(a->path, "/api/") || str_eq(a->path, "/metrics"));
        assert_non_null(a->handler);
        for (size_t k = 0; k < i; k++) {
            const api_route_t *b = &api_routes[k];
            assert_string_not_equal(a->operation, b->operation);
            assert_false(str_eq(a->path, b->path) && str_eq(a->method, b->method));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_operation),
        cmocka_unit_test(unknown_paths_are_not_found),
        cmocka_unit_test(wrong_methods_are_told_the_right_ones),
        cmocka_unit_test(every_operation_has_one_row),
    };
    return RUN_TESTS(tests);
}
