#include "http/origin.h"

#include <stdio.h>

#include "support.h"

static const char PUBLIC_URL[] = "https://cloche.example/base";

static origin_t ask(const char *origin, const char *site, const char *host, const char *public_url)
{
    char origin_header[256], site_header[64], host_header[256];
    const char *variables[8] = {"REQUEST_METHOD=POST", "REQUEST_URI=/", "REQUEST_SCHEME=http"};
    size_t n = 3;
    snprintf(host_header, sizeof host_header, "HTTP_HOST=%s", host);
    variables[n++] = host_header;
    if (origin) {
        snprintf(origin_header, sizeof origin_header, "HTTP_ORIGIN=%s", origin);
        variables[n++] = origin_header;
    }
    if (site) {
        snprintf(site_header, sizeof site_header, "HTTP_SEC_FETCH_SITE=%s", site);
        variables[n++] = site_header;
    }
    request_t request;
    assert_ok(request_parse(&request, variables, NULL));
    origin_t got = origin_of(&request, public_url);
    request_free(&request);
    return got;
}

static void what_the_browser_says_of_the_site_decides(void **state)
{
    (void)state;
    static const char host[] = "127.0.0.1:8080";
    assert_int_equal(ask(NULL, "same-origin", host, PUBLIC_URL), ORIGIN_SAME);
    assert_int_equal(ask(NULL, "none", host, PUBLIC_URL), ORIGIN_SAME);
    assert_int_equal(ask("null", "same-origin", host, PUBLIC_URL), ORIGIN_SAME);
    static const char *const foreign[] = {"cross-site", "same-site", "", "SAME-ORIGIN", "x"};
    for (size_t i = 0; i < COUNT(foreign); i++)
        assert_int_equal(ask("https://cloche.example", foreign[i], host, PUBLIC_URL),
                         ORIGIN_FOREIGN);
}

static void an_origin_is_ours_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        origin_t wanted;
    } cases[] = {
        {NULL, "cloche.example", ORIGIN_UNKNOWN},
        {"https://cloche.example", "inner:8080", ORIGIN_SAME},
        {"HTTPS://Cloche.Example", "inner:8080", ORIGIN_SAME},
        {"http://inner:8080", "inner:8080", ORIGIN_SAME},
        {"http://INNER:8080", "inner:8080", ORIGIN_SAME},
        {"https://inner:8080", "inner:8080", ORIGIN_FOREIGN}, // the request came by http
        {"http://cloche.example", "inner:8080", ORIGIN_FOREIGN},
        {"http://inner:8081", "inner:8080", ORIGIN_FOREIGN},
        {"http://inner", "inner:8080", ORIGIN_FOREIGN},
        {"https://cloche.example.evil.org", "inner:8080", ORIGIN_FOREIGN},
        {"https://evil.org/cloche.example", "inner:8080", ORIGIN_FOREIGN},
        {"https://cloche.exampl", "inner:8080", ORIGIN_FOREIGN},
        {"https://cloche.example/", "inner:8080", ORIGIN_FOREIGN},
        {"https://a@cloche.example", "inner:8080", ORIGIN_FOREIGN},
        {"null", "inner:8080", ORIGIN_FOREIGN},
        {"", "inner:8080", ORIGIN_FOREIGN},
        {"http://", "", ORIGIN_FOREIGN},
        {"https://", "inner:8080", ORIGIN_FOREIGN},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (ask(cases[i].origin, NULL, cases[i].host, PUBLIC_URL) != cases[i].wanted)
            fail_msg("%s at %s", cases[i].origin ? cases[i].origin : "-", cases[i].host);
}

static void a_public_url_may_have_no_path_or_a_slash(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://a:1", "http://a:1/", "HTTP://A:1/x?y"};
    for (size_t i = 0; i < COUNT(urls); i++)
        assert_int_equal(ask("http://a:1", NULL, "b", urls[i]), ORIGIN_SAME);
    assert_int_equal(ask("ftp://a:1", NULL, "b", "ftp://a:1"), ORIGIN_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_browser_says_of_the_site_decides),
        cmocka_unit_test(an_origin_is_ours_or_not),
        cmocka_unit_test(a_public_url_may_have_no_path_or_a_slash),
    };
    return RUN_TESTS(tests);
}
