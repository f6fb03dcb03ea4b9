// What a printed line says of its own gravity.
#include "service/log_level.h"

#include <stdio.h>

#include "support.h"

static void expect(const char *line, log_level_t otherwise, const char *level)
{
    log_level_t found = log_level_of(line, strlen(line), otherwise);
    if (strcmp(log_level_name(found), level) != 0)
        fail_msg("%s: %s, not %s", line, log_level_name(found), level);
}

static void words_in_any_case_are_normalised(void **state)
{
    (void)state;
    static const char *const words[][2] = {
        {"TRACE", "debug"},    {"debug", "debug"},  {"Verbose", "debug"},   {"info", "info"},
        {"NOTICE", "info"},    {"WARNING", "warn"}, {"warn", "warn"},       {"error", "error"},
        {"CRITICAL", "error"}, {"fatal", "error"},  {"Emergency", "error"},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        char line[80];
        snprintf(line, sizeof line, "{\"level\":\"%s\",\"msg\":\"x\"}", words[i][0]);
        expect(line, LOG_INFO, words[i][1]);
        snprintf(line, sizeof line, "{\"msg\":\"x\",\"severity\":\"%s\"} \r", words[i][0]);
        expect(line, LOG_ERROR, words[i][1]);
    }
}

static void numbers_are_those_of_pino(void **state)
{
    (void)state;
    static const char *const levels[] = {"debug", "debug", "info", "warn", "error", "error"};
    for (int i = 0; i < 6; i++) {
        char line[40];
        snprintf(line, sizeof line, "{\"level\":%d}", 10 * (i + 1));
        expect(line, LOG_INFO, levels[i]);
    }
    expect("{\"level\":35}", LOG_ERROR, "info");
    expect("{\"level\":0}", LOG_ERROR, "error");
    expect("{\"level\":61}", LOG_INFO, "info");
}

static void whatever_else_leaves_the_usual_level(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{",
        "{}",
        "error",
        "\"error\"",
        "[\"level\"]",
        "{\"level\":\"loud\"}",
        "{\"level\":null}",
        "{\"level\":{\"level\":\"debug\"}}",
        "{\"Level\":\"debug\"}",
        "{\"level\":\"debug\"",
        "{\"level\":\"debug\"} x",
        "x {\"level\":\"debug\"}",
        "{\"level\":\"debug\",\"level\":\"error\"}",
        "{'level':'debug'}",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        expect(lines[i], LOG_WARN, "warn");
        expect(lines[i], LOG_ERROR, "error");
    }
    // "level" counts, where both are there.
    expect("{\"severity\":\"error\",\"level\":\"debug\"}", LOG_INFO, "debug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_in_any_case_are_normalised),
        cmocka_unit_test(numbers_are_those_of_pino),
        cmocka_unit_test(whatever_else_leaves_the_usual_level),
    };
    return RUN_TESTS(tests);
}
