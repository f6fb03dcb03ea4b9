#include "base/log.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"
#include "support.h"

// What is written to stderr between begin and end.
typedef struct {
    int file, saved;
} capture_t;

static capture_t capture_begin(void)
{
    capture_t c = {memfd_create("log", MFD_CLOEXEC), dup(STDERR_FILENO)};
    dup2(c.file, STDERR_FILENO);
    return c;
}

static char *capture_end(capture_t *c)
{
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    off_t size = lseek(c->file, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(c->file, text, (size_t)size, 0), size);
    close(c->file);
    return text;
}

// Expects one line, an object, that fits into one write to a pipe; the caller frees the tree.
static cJSON *one_line(const char *text)
{
    size_t len = strlen(text);
    assert_in_range(len, 2, PIPE_BUF);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    err_t err;
    cJSON *line = json_parse(text, len, &err);
    if (!line)
        fail_msg("%s in %s", err.msg, text);
    assert_true(cJSON_IsObject(line));
    return line;
}

static const char *text_of(const cJSON *line, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, key);
    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

static cJSON *logged(const char *msg, const err_t *err, const char *key, const char *value)
{
    capture_t c = capture_begin();
    log_line(LOG_WARN, msg, err, key, value, NULL);
    cleanup_free char *text = capture_end(&c);
    return one_line(text);
}

static void a_line_says_who_what_and_why(void **state)
{
    (void)state;
    err_t err;
    err_set(&err, ERR_CLOSED, "gone");
    log_init("cloche-test", LOG_INFO);
    cleanup_json cJSON *line = logged("cell lost", &err, "cell", "c1");
    assert_string_equal(text_of(line, "program"), "cloche-test");
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "msg"), "cell lost");
    assert_string_equal(text_of(line, "cell"), "c1");
    assert_string_equal(text_of(line, "code"), "closed");
    assert_string_equal(text_of(line, "error"), "gone");
    assert_string_equal(text_of(line, "request"), "(none)");
    assert_int_equal(strlen(text_of(line, "t")), strlen("2026-01-31T12:00:00.000Z"));
}

static void request_id_is_in_the_lines_of_its_thread(void **state)
{
    (void)state;
    log_request("01926f5c-7d3e-7a10-8000-0123456789ab");
    cleanup_json cJSON *during = logged("m", NULL, "k", "v");
    assert_string_equal(text_of(during, "request"), "01926f5c-7d3e-7a10-8000-0123456789ab");
    log_request("");
    cleanup_json cJSON *after = logged("m", NULL, "k", "v");
    assert_string_equal(text_of(after, "request"), "(none)");
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    capture_t c = capture_begin();
    log_debug("not this", NULL);
    log_info("this", NULL);
    cleanup_free char *text = capture_end(&c);
    assert_null(strstr(text, "not this"));
    assert_contains(text, "\"info\"");
}

static void missing_value_is_empty(void **state)
{
    (void)state;
    cleanup_json cJSON *line = logged("m", NULL, "k", NULL);
    assert_string_equal(text_of(line, "k"), "");
}

static void any_bytes_make_valid_json(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\"",       "\\",           "\\u0000",          "a\nb\r\tc", "\x01\x1f\x7f", "\xff\xfe",
        "\xc3\x28", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xe2\x82",  "</script>",    "%s%n%d",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        err_t err = {.code = ERR_INVALID};
        str_copy(err.msg, sizeof err.msg, cases[i]);
        log_request(cases[i]);
        cleanup_json cJSON *line = logged(cases[i], &err, "key", cases[i]);
        assert_non_null(cJSON_GetObjectItemCaseSensitive(line, "key"));
    }
    log_request("");
    cleanup_json cJSON *same = logged("a\nb\"\\\xf0\x9f\x98\x80", NULL, "k", "v");
    assert_string_equal(text_of(same, "msg"), "a\nb\"\\\xf0\x9f\x98\x80");
}

static void random_bytes_make_valid_json(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int i = 0; i < 2000; i++) {
        char bytes[201];
        size_t len = test_random(&seed) % 200;
        for (size_t j = 0; j < len; j++)
            bytes[j] = (char)(1 + test_random(&seed) % 255);
        bytes[len] = '\0';
        cleanup_json cJSON *line = logged(bytes, NULL, "k", bytes);
        assert_string_not_equal(text_of(line, "msg"), "(none)");
    }
}

// Around the ceiling every length counts: the line must close and end in a newline.
static void lines_of_every_length_are_whole(void **state)
{
    (void)state;
    char value[PIPE_BUF + 100];
    memset(value, 'x', sizeof value);
    bool seen_short = false;
    for (size_t len = PIPE_BUF - 300; len < sizeof value; len++) {
        value[len] = '\0';
        cleanup_json cJSON *line = logged("m", NULL, "k", value);
        value[len] = 'x';
        assert_string_equal(text_of(line, "msg"), "m");
        if (cJSON_GetObjectItemCaseSensitive(line, "note"))
            seen_short = true;
        else
            assert_false(seen_short);
    }
    assert_true(seen_short);
}

static void a_giant_message_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const pieces[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\x01", "\xff", "\""};
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t shift = 0; shift < 4; shift++) {
            char msg[20000] = "yyy";
            size_t len = shift;
            for (; len + 4 < sizeof msg; len += strlen(pieces[i]))
                str_copy(msg + len, 5, pieces[i]);
            log_request("r1");
            cleanup_json cJSON *line = logged(msg, NULL, "k", "v");
            log_request("");
            assert_string_equal(text_of(line, "request"), "r1");
            assert_true(strlen(text_of(line, "msg")) > 100);
            assert_string_equal(text_of(line, "note"), "details too long");
        }
}

static void *write_lines(void *arg)
{
    char value[3000];
    memset(value, *(const char *)arg, sizeof value);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 200; i++)
        log_info("m", "k", value, NULL);
    return NULL;
}

typedef struct {
    FILE *in;
    size_t lines, broken;
} pipe_reader_t;

static void *read_lines(void *arg)
{
    pipe_reader_t *r = arg;
    cleanup_free char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = getline(&line, &size, r->in)) > 0; r->lines++)
        if (json_check(line, (size_t)n, NULL) < 0)
            r->broken++;
    return NULL;
}

static void lines_of_several_threads_do_not_mix_in_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pipe_reader_t reader = {.in = fdopen(ends[0], "r")};
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pthread_t writers[4], read_thread;
    static const char letters[] = "abcd";
    pthread_create(&read_thread, NULL, read_lines, &reader);
    for (int i = 0; i < 4; i++)
        pthread_create(&writers[i], NULL, write_lines, (void *)(uintptr_t)&letters[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(writers[i], NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    pthread_join(read_thread, NULL);
    fclose(reader.in);
    assert_int_equal(reader.lines, 800);
    assert_int_equal(reader.broken, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_who_what_and_why),
        cmocka_unit_test(request_id_is_in_the_lines_of_its_thread),
        cmocka_unit_test(lower_levels_are_left_out),
        cmocka_unit_test(missing_value_is_empty),
        cmocka_unit_test(any_bytes_make_valid_json),
        cmocka_unit_test(random_bytes_make_valid_json),
        cmocka_unit_test(lines_of_every_length_are_whole),
        cmocka_unit_test(a_giant_message_is_cut_between_characters),
        cmocka_unit_test(lines_of_several_threads_do_not_mix_in_a_pipe),
    };
    return RUN_TESTS(tests);
}
