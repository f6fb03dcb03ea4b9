#include "core/crypto.h"

#include <sodium.h>
#include <string.h>

static const char PREFIX[] = "cl_";
enum {
    PREFIX_LEN = 3,
    SECRET_BYTES = 32,
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

_Static_assert(CRYPTO_HASH == crypto_hash_sha256_BYTES, "SHA-256");
_Static_assert(CRYPTO_PASSWORD >= crypto_pwhash_STRBYTES, "room for an argon2id hash");
_Static_assert(CRYPTO_SECRET == sodium_base64_ENCODED_LEN(SECRET_BYTES, VARIANT), "with its NUL");
_Static_assert(CRYPTO_TOKEN == PREFIX_LEN + CRYPTO_SECRET, "prefix, secret");

int crypto_init(err_t *err)
{
    if (sodium_init() < 0)
        return err_set(err, ERR_INTERNAL, "cannot start libsodium");
    return 0;
}

void crypto_secret(char out[CRYPTO_SECRET])
{
    uint8_t secret[SECRET_BYTES];
    randombytes_buf(secret, sizeof secret);
    sodium_bin2base64(out, CRYPTO_SECRET, secret, sizeof secret, VARIANT);
    sodium_memzero(secret, sizeof secret);
}

bool crypto_is_secret(const char *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strspn(text, alphabet) == CRYPTO_SECRET - 1 && text[CRYPTO_SECRET - 1] == '\0';
}

void crypto_token(char out[CRYPTO_TOKEN])
{
    memcpy(out, PREFIX, PREFIX_LEN);
    crypto_secret(out + PREFIX_LEN);
}

bool crypto_is_token(const char *text)
{
    return strncmp(text, PREFIX, PREFIX_LEN) == 0 && crypto_is_secret(text + PREFIX_LEN);
}

void crypto_sha256(const void *data, size_t len, uint8_t out[CRYPTO_HASH])
{
    crypto_hash_sha256(out, data, len);
}

void crypto_hex(const uint8_t hash[CRYPTO_HASH], char out[2 * CRYPTO_HASH + 1])
{
    sodium_bin2hex(out, 2 * CRYPTO_HASH + 1, hash, CRYPTO_HASH);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

int crypto_password_hash(const char *password, char out[CRYPTO_PASSWORD], err_t *err)
{
    if (crypto_pwhash_str(out, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) < 0)
        return err_set(err, ERR_INTERNAL, "not enough memory to hash a password");
    return 0;
}

bool crypto_password_verify(const char *hash, const char *password)
{
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}
