#include "core/crypto.h"

#include "support.h"

static void tokens_have_their_form(void **state)
{
    (void)state;
    char a[CRYPTO_TOKEN], b[CRYPTO_TOKEN];
    crypto_token(a);
    crypto_token(b);
    assert_int_equal(strlen(a), CRYPTO_TOKEN - 1);
    assert_memory_equal(a, "cl_", 3);
    assert_true(crypto_is_token(a));
    assert_string_not_equal(a, b);
    a[20] = '+';
    assert_false(crypto_is_token(a));
    b[CRYPTO_TOKEN - 2] = '\0';
    assert_false(crypto_is_token(b));
    assert_false(crypto_is_token(""));
    assert_false(crypto_is_token("cl_"));
    assert_false(crypto_is_token("cl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

static void a_hash_is_sha256(void **state)
{
    (void)state;
    uint8_t hash[CRYPTO_HASH];
    char hex[2 * CRYPTO_HASH + 1];
    crypto_sha256("abc", 3, hash); // FIPS 180-4, appendix B.1 of its predecessor
    crypto_hex(hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    uint8_t other[CRYPTO_HASH];
    crypto_sha256("abd", 3, other);
    assert_false(crypto_equal(hash, other, sizeof hash));
    crypto_sha256("abc", 3, other);
    assert_true(crypto_equal(hash, other, sizeof hash));
}

static void a_password_is_known_again(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD];
    assert_ok(crypto_password_hash("correct horse", hash, NULL));
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_true(crypto_password_verify(hash, "correct horse"));
    assert_false(crypto_password_verify(hash, "correct hors"));
    assert_false(crypto_password_verify("", "correct horse"));
    assert_false(crypto_password_verify("$argon2id$", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_their_form),
        cmocka_unit_test(a_hash_is_sha256),
        cmocka_unit_test(a_password_is_known_again),
    };
    return crypto_init(NULL) < 0 ? 1 : RUN_TESTS(tests);
}
