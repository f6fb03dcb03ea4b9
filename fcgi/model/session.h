// Logins in a browser. Only the SHA-256 of a session's cookie is stored.
#ifndef CLOCHE_MODEL_SESSION_H
#define CLOCHE_MODEL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/crypto.h"
#include "db/db.h"
#include "model/access.h"

enum {
    SESSION_AGENT_TEXT = 256,
    SESSIONS_MAX = 50, // of one account; with one more the one that began first ends
};

typedef struct {
    char id[ID_TEXT];
    char user_id[ID_TEXT];
    char token_id[ID_TEXT];    // "": opened with a password
    uint8_t hash[CRYPTO_HASH]; // not read back
    char address[ADDRESS_TEXT];
    char user_agent[SESSION_AGENT_TEXT];
    int64_t created_us;
    int64_t last_used_us; // to the minute
    int64_t expires_us;
} session_t;

// When sessions are over: at their own time, and after a while without use.
typedef struct {
    int64_t now_us;
    int64_t idle_us;
} session_clock_t;

// Inserts the session if its user may still sign in: not disabled, and with `password_hash`, unless that is
// NULL, as the password. Ends what is over, or too much, of the user's others. ERR_UNAUTHORIZED
int session_insert(db_t *db, const session_t *session, const session_clock_t *at,
                   const char *password_hash, err_t *err) MUSTCHECK;

// The user's own sessions that are not over, newest first; returns how many.
int session_list(db_t *db, const access_t *access, const session_clock_t *at,
                 session_t out[SESSIONS_MAX], err_t *err) MUSTCHECK;
// One of the user's own. ERR_NOT_FOUND
int session_delete(db_t *db, const access_t *access, const char *id, err_t *err) MUSTCHECK;
// All of a user's but the one named, which may be "".
int session_delete_others(db_t *db, const char *user_id, const char *but, err_t *err) MUSTCHECK;
// From now on the session is one of a password.
int session_drop_token(db_t *db, const char *id, err_t *err) MUSTCHECK;

// Who holds the session with this hash: one indexed read. ERR_UNAUTHORIZED when there is none, it or its
// token is over, or its user is disabled.
int session_access(db_t *db, const uint8_t hash[CRYPTO_HASH], const session_clock_t *at,
                   access_t *out, err_t *err) MUSTCHECK;
int session_touch(db_t *db, const char *id, int64_t now_us, err_t *err) MUSTCHECK;

#endif
