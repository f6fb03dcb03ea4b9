#include "service/passwords.h"

#include <pthread.h>

#include "core/crypto.h"
#include "support.h"

enum { CALLERS = 6 };

typedef struct {
    passwords_t *passwords;
    pthread_barrier_t *together;
    int result;
    err_t err;
} caller_t;

static void *hash(void *arg)
{
    caller_t *c = arg;
    char out[CRYPTO_PASSWORD];
    pthread_barrier_wait(c->together);
    c->result = passwords_hash(c->passwords, "correct horse", out, &c->err);
    return NULL;
}

// Starts all callers at once; returns how many were refused.
static int refused_of(passwords_t *passwords)
{
    caller_t callers[CALLERS];
    pthread_t threads[CALLERS];
    pthread_barrier_t together;
    int refused = 0;
    pthread_barrier_init(&together, NULL, CALLERS);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller_t){.passwords = passwords, .together = &together};
        assert_int_equal(pthread_create(&threads[i], NULL, hash, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        if (callers[i].result < 0)
            assert_int_equal(callers[i].err.code, ERR_TOO_MANY);
        refused += callers[i].result < 0;
    }
    pthread_barrier_destroy(&together);
    return refused;
}

static void who_finds_a_full_queue_is_refused(void **state)
{
    (void)state;
    passwords_t *passwords;
    assert_ok(passwords_open(1, 1, &passwords, NULL));
    int refused = refused_of(passwords);
    assert_in_range(refused, 1, CALLERS - 2); // one works, one waits
    passwords_close(passwords);
}

static void who_may_wait_gets_a_turn(void **state)
{
    (void)state;
    passwords_t *passwords;
    assert_ok(passwords_open(2, CALLERS, &passwords, NULL));
    assert_int_equal(refused_of(passwords), 0);
    passwords_close(passwords);
}

static void a_password_is_right_or_wrong(void **state)
{
    (void)state;
    err_t err;
    passwords_t *passwords;
    char made[CRYPTO_PASSWORD], again[CRYPTO_PASSWORD];
    assert_ok(passwords_open(1, 0, &passwords, NULL));
    assert_ok(passwords_hash(passwords, "correct horse", made, &err));
    assert_ok(passwords_hash(passwords, "correct horse", again, &err));
    assert_string_not_equal(made, again);
    assert_int_equal(strncmp(made, "$argon2id$v=19$m=65536,", 23), 0);
    assert_int_equal(passwords_verify(passwords, made, "correct horse", &err), 1);
    assert_int_equal(passwords_verify(passwords, made, "correct horsf", &err), 0);
    assert_int_equal(passwords_verify(passwords, "", "", &err), 0);
    assert_int_equal(passwords_verify(passwords, "nonsense", "", &err), 0);
    passwords_close(passwords);
}

static int start(void **state)
{
    (void)state;
    alarm(WATCHDOG_S);
    return crypto_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_finds_a_full_queue_is_refused),
        cmocka_unit_test(who_may_wait_gets_a_turn),
        cmocka_unit_test(a_password_is_right_or_wrong),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
