// Invocations as bytes: all of it comes back, and nothing else is taken for one.
#include "base/cleanup.h"
#include "core/crypto.h"
#include "model/invocation_codec.h"
#include "support.h"

static invocation_t sample(void)
{
    invocation_t inv = {
        .function_name = "greet",
        .version = 7,
        .runtime = RUNTIME_GVISOR,
        .start = START_WARM,
        .source = SOURCE_HTTP,
        .status = INVOCATION_CRASH,
        .http_status = 502,
        .method = "POST",
        .path = strdup("/fn/greet/\xff"),
        .error_type = strdup("Exit"),
        .error_message = strdup(""),
        .queue_us = 1,
        .init_us = -1,
        .run_us = 1LL << 40,
        .cpu_us = -1,
        .memory_peak_bytes = 5000000,
        .input_kind = INPUT_BYTES,
        .input = malloc(3),
        .input_len = 3,
        .args = strdup("[\"x\"]"),
        .request = strdup("{}"),
        .has_output_hash = true,
        .output_hash = {9, 8, 7},
        .logs = strdup("[]"),
        .logs_len = 2,
        .logs_truncated = true,
    };
    memcpy(inv.input, "\0a\0", 3);
    id_new(inv.id);
    id_new(inv.function_id);
    id_new(inv.owner_id);
    id_new(inv.replay_of);
    return inv;
}

static void encode(const invocation_t *inv, buf_t *out)
{
    err_t err = {0};
    if (invocation_encode(inv, out, &err) < 0)
        fail_msg("%s", err.msg);
}

static void everything_comes_back(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_invocation invocation_t inv = sample(), read = {0};
    cleanup_buf buf_t bytes = BUF_INIT(4096), again = BUF_INIT(4096);
    encode(&inv, &bytes);
    assert_ok(invocation_decode(bytes.data, bytes.len, &read, &err));
    assert_string_equal(read.id, inv.id);
    assert_string_equal(read.function_name, "greet");
    assert_string_equal(read.path, inv.path);
    assert_string_equal(read.error_message, "");
    assert_null(read.error_stack);
    assert_int_equal(read.start, START_WARM);
    assert_int_equal(read.status, INVOCATION_CRASH);
    assert_int_equal(read.init_us, -1);
    assert_int_equal(read.run_us, 1LL << 40);
    assert_int_equal(read.input_len, 3);
    assert_memory_equal(read.input, inv.input, 3);
    assert_true(read.logs_truncated);
    assert_string_equal(read.request, "{}");
    assert_string_equal(read.replay_of, inv.replay_of);
    encode(&read, &again);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
}

// A journal may be left over from before an update: version 1 ended with the log.
static void the_version_before_is_read(void **state)
{
    (void)state;
    enum { SINCE = 4 + 2 + 4 + ID_TEXT - 1 }; // request, replay_of
    err_t err = {0};
    cleanup_invocation invocation_t inv = sample(), read = {0};
    cleanup_buf buf_t bytes = BUF_INIT(4096);
    encode(&inv, &bytes);
    bytes.data[0] = 1;
    assert_ok(invocation_decode(bytes.data, bytes.len - SINCE, &read, &err));
    assert_string_equal(read.id, inv.id);
    assert_string_equal(read.logs, "[]");
    assert_null(read.request);
    assert_string_equal(read.replay_of, "");
    invocation_free(&read);
    assert_fails(invocation_decode(bytes.data, bytes.len, &read, &err), err, ERR_INVALID);
}

static void a_part_of_a_record_is_none(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_invocation invocation_t inv = sample(), read = {0};
    cleanup_buf buf_t bytes = BUF_INIT(4096);
    encode(&inv, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        assert_fails(invocation_decode(bytes.data, len, &read, &err), err, ERR_INVALID);
    buf_addc(&bytes, 0);
    assert_fails(invocation_decode(bytes.data, bytes.len, &read, &err), err, ERR_INVALID);
}

// Whatever is read is within its bounds, so that it can be written and stored.
static void changed_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    err_t err = {0};
    uint32_t random = 1;
    cleanup_invocation invocation_t inv = sample();
    cleanup_buf buf_t bytes = BUF_INIT(4096);
    encode(&inv, &bytes);
    for (int i = 0; i < 20000; i++) {
        cleanup_buf buf_t again = BUF_INIT(4096);
        cleanup_invocation invocation_t read = {0};
        char *at = bytes.data + test_random(&random) % bytes.len, old = *at;
        *at = (char)test_random(&random);
        if (invocation_decode(bytes.data, bytes.len, &read, &err) == 0) {
            encode(&read, &again);
            assert_memory_equal(again.data, bytes.data, bytes.len);
        }
        *at = old;
    }
}

static void limits_and_ids_are_checked(void **state)
{
    (void)state;
    err_t err = {0};
    cleanup_invocation invocation_t inv = sample();
    cleanup_buf buf_t small = BUF_INIT(100), bytes = BUF_INIT(4096);
    assert_fails(invocation_encode(&inv, &small, &err), err, ERR_LIMIT);
    inv.owner_id[0] = '\0';
    assert_fails(invocation_encode(&inv, &bytes, &err), err, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(the_version_before_is_read),
        cmocka_unit_test(a_part_of_a_record_is_none),
        cmocka_unit_test(changed_bytes_are_refused_or_harmless),
        cmocka_unit_test(limits_and_ids_are_checked),
    };
    return crypto_init(NULL) < 0 ? 1 : RUN_TESTS(tests);
}
