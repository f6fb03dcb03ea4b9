#include "core/frame.h"

#include "base/cleanup.h"
#include "support.h"

// A reader and the socket it reads; `runner` is the other end.
typedef struct {
    int fd, runner;
    frame_reader_t reader;
} link_t;

static link_t open_link(void)
{
    int fds[2];
    test_socketpair(fds);
    test_send_room(fds[1], 1024 * 1024);
    link_t l = {.fd = fds[0], .runner = fds[1]};
    frame_reader_init(&l.reader);
    return l;
}

static void close_link(link_t *l)
{
    frame_reader_free(&l->reader);
    fd_close(&l->fd);
    fd_close(&l->runner);
}

#define cleanup_link __attribute__((cleanup(close_link)))

static void send_bytes(const link_t *l, const void *bytes, size_t len)
{
    assert_int_equal(send(l->runner, bytes, len, MSG_DONTWAIT), len);
}

// Sends bytes and has them read, so that frame_next sees all of them.
static void deliver(link_t *l, const char *bytes, size_t len)
{
    enum { STEP = 32 * 1024 };
    while (len) {
        size_t n = len < STEP ? len : STEP;
        send_bytes(l, bytes, n);
        assert_int_equal(frame_read(&l->reader, l->fd, NULL), 1);
        bytes += n;
        len -= n;
    }
}

static const struct {
    frame_type_t type;
    const char *payload;
} conversation[] = {
    {FRAME_HELLO, ""},
    {FRAME_READY, "{\"script\":false}"},
    {FRAME_HEAD, "{\"status\":200,\"headers\":[]}"},
    {FRAME_BODY, ""},
    {FRAME_BODY, "hello"},
    {FRAME_END, "{}"},
    {FRAME_ERROR, "{\"type\":\"E\",\"message\":\"m\"}"},
};

static void put_conversation(buf_t *out)
{
    for (size_t i = 0; i < COUNT(conversation); i++)
        frame_put(out, conversation[i].type, conversation[i].payload,
                  strlen(conversation[i].payload));
    assert_false(buf_failed(out));
}

// Takes what there is, compares it with the conversation from frame `at` on, returns the next one.
static size_t take_frames(link_t *l, size_t at)
{
    frame_t frame;
    err_t err = {0};
    int n;
    while ((n = frame_next(&l->reader, &frame, &err)) == 1) {
        assert_true(at < COUNT(conversation));
        assert_int_equal(frame.type, conversation[at].type);
        assert_int_equal(frame.len, strlen(conversation[at].payload));
        assert_memory_equal(frame.payload, conversation[at].payload, frame.len);
        at++;
    }
    assert_int_equal(n, 0);
    return at;
}

static void a_stream_may_be_split_at_any_byte(void **state)
{
    (void)state;
    cleanup_buf buf_t stream = BUF_INIT(1000);
    put_conversation(&stream);
    for (size_t split = 1; split < stream.len; split++) {
        cleanup_link link_t l = open_link();
        deliver(&l, stream.data, split);
        size_t at = take_frames(&l, 0);
        deliver(&l, stream.data + split, stream.len - split);
        assert_int_equal(take_frames(&l, at), COUNT(conversation));
    }
}

static void a_stream_may_come_byte_by_byte(void **state)
{
    (void)state;
    cleanup_buf buf_t stream = BUF_INIT(1000);
    put_conversation(&stream);
    cleanup_link link_t l = open_link();
    size_t at = 0;
    for (size_t i = 0; i < stream.len; i++) {
        deliver(&l, stream.data + i, 1);
        at = take_frames(&l, at);
    }
    assert_int_equal(at, COUNT(conversation));
}

static void frames_of_one_read_stay_valid_together(void **state)
{
    (void)state;
    cleanup_buf buf_t stream = BUF_INIT(1000);
    put_conversation(&stream);
    cleanup_link link_t l = open_link();
    deliver(&l, stream.data, stream.len);
    frame_t frames[COUNT(conversation)];
    for (size_t i = 0; i < COUNT(conversation); i++)
        assert_int_equal(frame_next(&l.reader, &frames[i], NULL), 1);
    for (size_t i = 0; i < COUNT(conversation); i++)
        assert_memory_equal(frames[i].payload, conversation[i].payload, frames[i].len);
}

static void header_alone(char out[FRAME_HEADER], int type, uint32_t len)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(len >> (24 - 8 * i));
    out[4] = (char)type;
}

// What frame_next says to a header with no payload behind it.
static int judge(int type, uint32_t len, err_t *err)
{
    cleanup_link link_t l = open_link();
    char header[FRAME_HEADER];
    frame_t frame;
    header_alone(header, type, len);
    deliver(&l, header, sizeof header);
    return frame_next(&l.reader, &frame, err);
}

static void a_length_is_judged_before_its_payload(void **state)
{
    (void)state;
    static const struct {
        int type;
        uint32_t max;
    } accepted[] = {
        {FRAME_HELLO, 0},        {FRAME_READY, 256}, {FRAME_HEAD, 6 * 64 * 1024},
        {FRAME_BODY, 64 * 1024}, {FRAME_END, 256},   {FRAME_ERROR, 128 * 1024},
    };
    for (size_t i = 0; i < COUNT(accepted); i++) {
        uint32_t max = accepted[i].max;
        const uint32_t too_long[] = {max + 1, max + 256, 0x7fffffff, 0x80000000, UINT32_MAX};
        assert_int_equal(judge(accepted[i].type, 0, NULL), 1);
        assert_int_equal(judge(accepted[i].type, max, NULL), max == 0 ? 1 : 0);
        for (size_t j = 0; j < COUNT(too_long); j++) {
            err_t err = {0};
            assert_fails(judge(accepted[i].type, too_long[j], &err), err, ERR_PROTOCOL);
        }
    }
}

static void what_a_runner_must_not_send_is_refused(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 256, 64 * 1024, UINT32_MAX};
    for (int type = 0; type < 256; type++) {
        if (type == FRAME_HELLO || type == FRAME_READY ||
            (type >= FRAME_HEAD && type <= FRAME_ERROR))
            continue;
        for (size_t i = 0; i < COUNT(lengths); i++) {
            err_t err = {0};
            assert_fails(judge(type, lengths[i], &err), err, ERR_PROTOCOL);
        }
    }
}

static void the_longest_frames_come_whole(void **state)
{
    (void)state;
    static const struct {
        frame_type_t type;
        size_t len;
    } cases[] = {{FRAME_HEAD, 6 * 64 * 1024}, {FRAME_BODY, 64 * 1024}, {FRAME_ERROR, 128 * 1024}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_link link_t l = open_link();
        cleanup_buf buf_t stream = BUF_INIT(1024 * 1024);
        frame_put_header(&stream, cases[i].type, cases[i].len);
        for (size_t j = 0; j < cases[i].len; j++)
            buf_addc(&stream, (char)(j * 7));
        frame_t frame;
        deliver(&l, stream.data, stream.len - 1);
        assert_int_equal(frame_next(&l.reader, &frame, NULL), 0);
        deliver(&l, stream.data + stream.len - 1, 1);
        assert_int_equal(frame_next(&l.reader, &frame, NULL), 1);
        assert_int_equal(frame.len, cases[i].len);
        assert_memory_equal(frame.payload, stream.data + FRAME_HEADER, frame.len);
    }
}

static void reading_never_waits(void **state)
{
    (void)state;
    cleanup_link link_t l = open_link();
    err_t err = {0};
    frame_t frame;
    assert_int_equal(frame_read(&l.reader, l.fd, &err), 0);
    assert_int_equal(frame_next(&l.reader, &frame, &err), 0);
    send_bytes(&l, "\0", 1);
    assert_int_equal(frame_read(&l.reader, l.fd, &err), 1);
    assert_int_equal(frame_read(&l.reader, l.fd, &err), 0);
}

// A buffer for large frames would be mapped and unmapped for each call.
static void a_short_conversation_takes_little_memory(void **state)
{
    (void)state;
    cleanup_link link_t l = open_link();
    static const char bytes[16 * 1024];
    send_bytes(&l, bytes, 100);
    assert_int_equal(frame_read(&l.reader, l.fd, NULL), 1);
    assert_true(l.reader.in.cap <= 16 * 1024);
    send_bytes(&l, bytes, sizeof bytes);
    assert_int_equal(frame_read(&l.reader, l.fd, NULL), 1);
    assert_int_equal(frame_read(&l.reader, l.fd, NULL), 1);
    assert_int_equal(l.reader.in.len, 100 + sizeof bytes);
}

static void the_end_of_the_stream_comes_after_its_bytes(void **state)
{
    (void)state;
    cleanup_link link_t l = open_link();
    char header[FRAME_HEADER];
    header_alone(header, FRAME_HELLO, 0);
    send_bytes(&l, header, sizeof header);
    fd_close(&l.runner);
    err_t err = {0};
    frame_t frame;
    assert_int_equal(frame_read(&l.reader, l.fd, &err), 1);
    assert_int_equal(frame_next(&l.reader, &frame, &err), 1);
    assert_fails(frame_read(&l.reader, l.fd, &err), err, ERR_CLOSED);
    assert_int_equal(frame_next(&l.reader, &frame, &err), 0);
}

static void what_is_never_taken_does_not_pile_up(void **state)
{
    (void)state;
    cleanup_link link_t l = open_link();
    static const char bytes[32 * 1024];
    err_t err = {0};
    int n = 1;
    for (int i = 0; i < 100 && n == 1; i++) {
        send_bytes(&l, bytes, sizeof bytes);
        n = frame_read(&l.reader, l.fd, &err);
    }
    assert_int_equal(n, -1);
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_true(l.reader.in.len <= 1024 * 1024);
}

static void sent_frames_have_the_layout_of_the_protocol(void **state)
{
    (void)state;
    cleanup_buf buf_t out = BUF_INIT(100);
    assert_int_equal(frame_put(&out, FRAME_INIT, "abc", 3), 0);
    assert_int_equal(frame_put_invoke(&out, "{}", 2, "body", 4), 0);
    assert_int_equal(frame_put_invoke(&out, "{}", 2, NULL, 0), 0);
    static const char expected[] = "\0\0\0\3\2abc"
                                   "\0\0\0\12\4\0\0\0\2{}body"
                                   "\0\0\0\6\4\0\0\0\2{}";
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.data, expected, out.len);
}

static void sending_obeys_the_ceiling(void **state)
{
    (void)state;
    cleanup_buf buf_t out = BUF_INIT(20);
    assert_int_equal(frame_put(&out, FRAME_INIT, "0123456789abcdef", 16), -1);
    assert_true(buf_failed(&out));
    cleanup_buf buf_t invoke = BUF_INIT(20);
    assert_int_equal(frame_put_invoke(&invoke, "0123456789", 10, "ab", 2), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_split_at_any_byte),
        cmocka_unit_test(a_stream_may_come_byte_by_byte),
        cmocka_unit_test(frames_of_one_read_stay_valid_together),
        cmocka_unit_test(a_length_is_judged_before_its_payload),
        cmocka_unit_test(what_a_runner_must_not_send_is_refused),
        cmocka_unit_test(the_longest_frames_come_whole),
        cmocka_unit_test(reading_never_waits),
        cmocka_unit_test(a_short_conversation_takes_little_memory),
        cmocka_unit_test(the_end_of_the_stream_comes_after_its_bytes),
        cmocka_unit_test(what_is_never_taken_does_not_pile_up),
        cmocka_unit_test(sent_frames_have_the_layout_of_the_protocol),
        cmocka_unit_test(sending_obeys_the_ceiling),
    };
    return RUN_TESTS(tests);
}
