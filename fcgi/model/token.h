// API tokens. Only the SHA-256 of a token is stored.
#ifndef CLOCHE_MODEL_TOKEN_H
#define CLOCHE_MODEL_TOKEN_H

#include <stdint.h>

#include "base/err.h"
#include "core/crypto.h"
#include "db/db.h"
#include "model/access.h"

enum { TOKEN_NAME_TEXT = 65, TOKENS_MAX = 100 }; // of one account

typedef struct {
    char id[ID_TEXT];
    char user_id[ID_TEXT];
    char name[TOKEN_NAME_TEXT];
    uint8_t hash[CRYPTO_HASH]; // not read back
    uint32_t scopes;
    int64_t expires_us;   // 0: never
    int64_t last_used_us; // 0: never; to the minute
    int64_t created_us;
} token_t;

int token_insert(db_t *db, const token_t *token, err_t *err) MUSTCHECK;
// Deletes the user's tokens of this name; none is no error.
int token_delete_named(db_t *db, const char *user_id, const char *name, err_t *err) MUSTCHECK;

// The user's own tokens, newest first; returns how many.
int token_list(db_t *db, const access_t *access, token_t out[TOKENS_MAX], err_t *err) MUSTCHECK;
int token_count(db_t *db, const char *user_id, err_t *err) MUSTCHECK;
// One of the user's own, with its name in `name` for the audit trail. ERR_NOT_FOUND
int token_delete(db_t *db, const access_t *access, const char *id, char name[TOKEN_NAME_TEXT],
                 err_t *err) MUSTCHECK;

// Who holds the token with this hash: one indexed read. ERR_UNAUTHORIZED when there is none, it has
// expired, or its user is disabled.
int token_access(db_t *db, const uint8_t hash[CRYPTO_HASH], int64_t now_us, access_t *out,
                 err_t *err) MUSTCHECK;
int token_touch(db_t *db, const char *id, int64_t now_us, err_t *err) MUSTCHECK;

#endif
