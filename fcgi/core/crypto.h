// Tokens, hashes and passwords, over libsodium.
#ifndef CLOCHE_CORE_CRYPTO_H
#define CLOCHE_CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    CRYPTO_HASH = 32,     // SHA-256
    CRYPTO_SECRET = 44,   // 43 characters of base64url, NUL
    CRYPTO_TOKEN = 47,    // "cl_", a secret
    CRYPTO_PASSWORD = 128 // an argon2id hash as text
};

// Call once before threads start, and before ids are made.
int crypto_init(err_t *err) MUSTCHECK;

// A new secret of 256 random bits, and whether text has the form of one.
void crypto_secret(char out[CRYPTO_SECRET]);
bool crypto_is_secret(const char *text);

// A new token: `cl_` and a secret.
void crypto_token(char out[CRYPTO_TOKEN]);
// Whether text has the form of a token; says nothing about its being one of ours.
bool crypto_is_token(const char *text);

void crypto_sha256(const void *data, size_t len, uint8_t out[CRYPTO_HASH]);
// Lower-case hex with its NUL.
void crypto_hex(const uint8_t hash[CRYPTO_HASH], char out[2 * CRYPTO_HASH + 1]);
// In constant time.
bool crypto_equal(const void *a, const void *b, size_t len);

// argon2id with libsodium's interactive limits: about 64 MiB and 0.1 s. The caller bounds how many run
// at once.
int crypto_password_hash(const char *password, char out[CRYPTO_PASSWORD], err_t *err) MUSTCHECK;
bool crypto_password_verify(const char *hash, const char *password);

#endif
