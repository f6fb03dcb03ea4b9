#include "service/call_log.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/frame.h"
#include "core/json.h"
#include "support.h"

enum { LINES_MAX = 10000 };

static call_log_t new_log(void)
{
    call_log_t log;
    call_log_init(&log, clock_mono_ns(), NULL, NULL);
    return log;
}

#define cleanup_log __attribute__((cleanup(call_log_free)))

static void add(call_log_t *log, stream_t stream, const char *text)
{
    call_log_add(log, stream, text, strlen(text));
}

// Takes the log and expects valid JSON, NULL when nothing was printed. The caller frees the tree.
static cJSON *take(call_log_t *log)
{
    size_t len = 1;
    cleanup_free char *json = call_log_take(log, &len);
    if (!json) {
        assert_int_equal(len, 0);
        return NULL;
    }
    err_t err;
    cJSON *lines = json_parse(json, len, &err);
    if (!lines)
        fail_msg("%s", err.msg);
    assert_true(cJSON_IsArray(lines));
    return lines;
}

static const char *member(const cJSON *lines, int index, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(lines, index), name);
    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

// Expects stdout to hold just these lines, ended by NULL.
static void expect_lines(call_log_t *log, const char *const *texts)
{
    cleanup_json cJSON *lines = take(log);
    int i = 0;
    for (; texts[i]; i++)
        assert_string_equal(member(lines, i, "text"), texts[i]);
    assert_int_equal(cJSON_GetArraySize(lines), i);
}

static void nothing_printed_is_no_log(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    call_log_add(&log, STREAM_STDOUT, "", 0);
    assert_null(take(&log));
    assert_false(log.truncated);
}

static void lines_keep_their_order_and_stream(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    add(&log, STREAM_STDOUT, "one\n\ntwo\nunfin");
    add(&log, STREAM_STDERR, "oops\n");
    add(&log, STREAM_STDOUT, "ished");
    cleanup_json cJSON *lines = take(&log);
    static const char *const expected[][2] = {
        {"stdout", "one"},  {"stdout", ""},           {"stdout", "two"},
        {"stderr", "oops"}, {"stdout", "unfinished"},
    };
    assert_int_equal(cJSON_GetArraySize(lines), COUNT(expected));
    for (int i = 0; i < (int)COUNT(expected); i++) {
        assert_string_equal(member(lines, i, "stream"), expected[i][0]);
        assert_string_equal(member(lines, i, "text"), expected[i][1]);
    }
}

static void times_count_from_zero_and_do_not_go_back(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    add(&log, STREAM_STDOUT, "a\nb\n");
    add(&log, STREAM_STDERR, "c\n");
    cleanup_json cJSON *lines = take(&log);
    double last = 0;
    const cJSON *line;
    cJSON_ArrayForEach (line, lines) {
        const cJSON *t = cJSON_GetObjectItemCaseSensitive(line, "t_ms");
        assert_true(cJSON_IsNumber(t) && t->valuedouble >= last);
        last = t->valuedouble;
    }
}

static void a_line_may_be_split_at_any_byte(void **state)
{
    (void)state;
    static const char text[] = "h\xc3\xa4\xe2\x82\xac\n\xf0\x9f\x98\x80!\n";
    static const char *const expected[] = {"h\xc3\xa4\xe2\x82\xac", "\xf0\x9f\x98\x80!", NULL};
    for (size_t split = 0; split < sizeof text; split++) {
        cleanup_log call_log_t log = new_log();
        call_log_add(&log, STREAM_STDOUT, text, split);
        call_log_add(&log, STREAM_STDOUT, text + split, sizeof text - 1 - split);
        expect_lines(&log, expected);
    }
}

static void what_is_not_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    add(&log, STREAM_STDOUT,
        "a\xff"
        "b\n\xe2\x82\nend\xf0\x9f");
    static const char *const expected[] = {"a\xef\xbf\xbd"
                                           "b",
                                           "\xef\xbf\xbd\xef\xbf\xbd",
                                           "end\xef\xbf\xbd\xef\xbf\xbd", NULL};
    expect_lines(&log, expected);
}

// The strict reader refuses it in what comes from outside; in a log it is data.
static void a_nul_byte_does_not_end_a_line(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    call_log_add(&log, STREAM_STDOUT, "a\0b\n", 4);
    size_t len;
    cleanup_free char *json = call_log_take(&log, &len);
    assert_contains(json, "\"text\":\"a\\u0000b\"}]");
    assert_int_equal(strlen(json), len);
}

static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < COUNT(characters); i++) {
        cleanup_log call_log_t log = new_log();
        cleanup_buf buf_t sent = BUF_INIT(100000), got = BUF_INIT(100000);
        buf_adds(&sent, "s"); // so that no piece is a multiple of the characters
        while (sent.len < 50000)
            buf_adds(&sent, characters[i]);
        call_log_add(&log, STREAM_STDOUT, sent.data, sent.len);
        cleanup_json cJSON *lines = take(&log);
        assert_in_range(cJSON_GetArraySize(lines), 2, 5);
        for (int j = 0; j < cJSON_GetArraySize(lines); j++)
            buf_adds(&got, member(lines, j, "text"));
        assert_string_equal(buf_str(&got), buf_str(&sent));
    }
}

static void too_many_bytes_are_cut_and_marked(void **state)
{
    (void)state;
    char bytes[1024];
    memset(bytes, 'x', sizeof bytes);
    cleanup_log call_log_t log = new_log();
    for (int i = 0; i < FRAME_LOG_MAX / 1024; i++)
        call_log_add(&log, i % 2 ? STREAM_STDOUT : STREAM_STDERR, bytes, sizeof bytes);
    assert_false(log.truncated);
    call_log_add(&log, STREAM_STDOUT, "", 0);
    assert_false(log.truncated);
    call_log_add(&log, STREAM_STDERR, "y", 1);
    assert_true(log.truncated);
    cleanup_json cJSON *lines = take(&log);
    size_t total = 0;
    for (int i = 0; i < cJSON_GetArraySize(lines); i++) {
        assert_null(strchr(member(lines, i, "text"), 'y'));
        total += strlen(member(lines, i, "text"));
    }
    assert_int_equal(total, FRAME_LOG_MAX);
}

static void a_piece_over_the_cap_is_kept_up_to_it(void **state)
{
    (void)state;
    cleanup_free char *bytes = malloc(FRAME_LOG_MAX + 100);
    assert_non_null(bytes);
    memset(bytes, 'x', FRAME_LOG_MAX + 100);
    cleanup_log call_log_t log = new_log();
    call_log_add(&log, STREAM_STDOUT, bytes, FRAME_LOG_MAX + 100);
    assert_true(log.truncated);
    assert_int_equal(log.bytes, FRAME_LOG_MAX);
}

static void too_many_lines_are_cut_and_marked(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    for (int i = 0; i < LINES_MAX; i++)
        add(&log, STREAM_STDOUT, "\n");
    assert_false(log.truncated);
    add(&log, STREAM_STDERR, "\n");
    assert_true(log.truncated);
    cleanup_json cJSON *lines = take(&log);
    assert_int_equal(cJSON_GetArraySize(lines), LINES_MAX);
}

// The most JSON that a log can become.
static void the_worst_log_still_fits(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
        "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\n",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\n"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        cleanup_log call_log_t log = new_log();
        log.zero_ns -= (int64_t)900000 * 1000000; // the longest call
        while (!log.truncated)
            add(&log, STREAM_STDERR, lines[i]);
        call_log_failure(&log, "E", lines[i]);
        assert_false(buf_failed(&log.json));
        cleanup_json cJSON *tree = take(&log);
        assert_non_null(tree);
    }
}

static void any_bytes_in_any_pieces_make_valid_json(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (int round = 0; round < 200; round++) {
        cleanup_log call_log_t log = new_log();
        for (int i = 0; i < 20; i++) {
            char bytes[300];
            size_t len = test_random(&seed) % sizeof bytes;
            for (size_t j = 0; j < len; j++)
                bytes[j] = (char)(1 + test_random(&seed) % (round % 2 ? 255 : 15));
            call_log_add(&log, (stream_t)(i % 2), bytes, len);
        }
        cleanup_json cJSON *lines = take(&log);
        assert_non_null(lines);
    }
}

typedef struct {
    buf_t seen;
} listener_t;

static void on_line(void *ctx, const call_log_line_t *line)
{
    listener_t *l = ctx;
    assert_true(line->t_us >= 0);
    buf_addf(&l->seen, "%s:%.*s|", line->stream, (int)line->len, line->text);
}

static void a_listener_hears_each_line_once_it_is_complete(void **state)
{
    (void)state;
    listener_t l = {BUF_INIT(1000)};
    cleanup_log call_log_t log;
    call_log_init(&log, clock_mono_ns(), on_line, &l);
    add(&log, STREAM_STDOUT, "a\nb");
    assert_string_equal(buf_str(&l.seen), "stdout:a|");
    add(&log, STREAM_STDERR, "c\n");
    add(&log, STREAM_STDOUT, "d\n");
    assert_string_equal(buf_str(&l.seen), "stdout:a|stderr:c|stdout:bd|");
    buf_free(&l.seen);
}

static void each_line_has_a_level(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    add(&log, STREAM_STDOUT, "a\n{\"level\":\"warning\"}\n");
    add(&log, STREAM_STDERR, "b\n{\"level\":\"debug\"}\n");
    cleanup_json cJSON *lines = take(&log);
    static const char *const expected[] = {"info", "warn", "error", "debug"};
    assert_int_equal(cJSON_GetArraySize(lines), COUNT(expected));
    for (int i = 0; i < (int)COUNT(expected); i++)
        assert_string_equal(member(lines, i, "level"), expected[i]);
}

static void a_failure_is_the_last_line_whatever_came_before(void **state)
{
    (void)state;
    cleanup_log call_log_t log = new_log();
    cleanup_free char *message = malloc(100000);
    assert_non_null(message);
    memset(message, 'm', 99999);
    message[99999] = '\0';
    for (int i = 0; i <= LINES_MAX; i++)
        add(&log, STREAM_STDOUT, "\n");
    call_log_failure(&log, "Timeout", message);
    cleanup_json cJSON *lines = take(&log);
    assert_int_equal(cJSON_GetArraySize(lines), LINES_MAX + 1);
    assert_string_equal(member(lines, LINES_MAX, "stream"), "system");
    assert_string_equal(member(lines, LINES_MAX, "level"), "error");
    assert_int_equal(strlen(member(lines, LINES_MAX, "text")), 16 * 1024);

    cleanup_log call_log_t quiet = new_log();
    add(&quiet, STREAM_STDERR, "unfinished");
    call_log_failure(&quiet, "Exit", "");
    cleanup_json cJSON *two = take(&quiet);
    assert_string_equal(member(two, 0, "text"), "unfinished");
    assert_string_equal(member(two, 1, "text"), "Exit: ");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_printed_is_no_log),
        cmocka_unit_test(lines_keep_their_order_and_stream),
        cmocka_unit_test(times_count_from_zero_and_do_not_go_back),
        cmocka_unit_test(a_line_may_be_split_at_any_byte),
        cmocka_unit_test(what_is_not_utf8_becomes_the_replacement_character),
        cmocka_unit_test(a_nul_byte_does_not_end_a_line),
        cmocka_unit_test(long_lines_are_cut_between_characters),
        cmocka_unit_test(too_many_bytes_are_cut_and_marked),
        cmocka_unit_test(a_piece_over_the_cap_is_kept_up_to_it),
        cmocka_unit_test(too_many_lines_are_cut_and_marked),
        cmocka_unit_test(the_worst_log_still_fits),
        cmocka_unit_test(any_bytes_in_any_pieces_make_valid_json),
        cmocka_unit_test(a_listener_hears_each_line_once_it_is_complete),
        cmocka_unit_test(each_line_has_a_level),
        cmocka_unit_test(a_failure_is_the_last_line_whatever_came_before),
    };
    return RUN_TESTS(tests);
}
