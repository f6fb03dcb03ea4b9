#include "model/attempt.h"

#include <string.h>

#include "core/crypto.h"

// More than one failure can leave behind.
enum { TIDY_ROWS = 8 };

static db_value_t subject_of(attempt_kind_t kind, const char *text, uint8_t hash[CRYPTO_HASH])
{
    char subject[256];
    int len = snprintf(subject, sizeof subject, "%d %.240s", (int)kind, text);
    crypto_sha256(subject, (size_t)len, hash);
    return db_blob(hash, CRYPTO_HASH);
}

static int read_locked(db_t *db, db_value_t subject, int64_t *until_us, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT until FROM login_throttle WHERE subject = ? FOR UPDATE",
                 DB_PARAMS(subject), err);
    int found = rows ? db_next(rows, err) : -1;
    if (found <= 0)
        return found < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, "a row of login_throttle is gone");
    *until_us = db_get_int(rows, 0);
    return 0;
}

int attempt_take(db_t *db, attempt_kind_t kind, const char *text, const throttle_t *throttle,
                 int64_t now_us, int64_t *wait_us, err_t *err)
{
    uint8_t hash[CRYPTO_HASH];
    db_value_t subject = subject_of(kind, text, hash);
    int64_t until_us;
    // Inserted or not, the row is then this transaction's.
    if (db_exec(db,
                "INSERT INTO login_throttle (subject, until) VALUES (?, ?) "
                "ON DUPLICATE KEY UPDATE until = until",
                DB_PARAMS(subject, db_int(now_us)), NULL, err) < 0 ||
        read_locked(db, subject, &until_us, err) < 0)
        return -1;
    *wait_us = throttle_take(throttle, now_us, &until_us);
    return db_exec(db, "UPDATE login_throttle SET until = ? WHERE subject = ?",
                   DB_PARAMS(db_int(until_us), subject), NULL, err);
}

int attempt_give(db_t *db, attempt_kind_t kind, const char *text, const throttle_t *throttle,
                 err_t *err)
{
    uint8_t hash[CRYPTO_HASH];
    return db_exec(db, "UPDATE login_throttle SET until = until - ? WHERE subject = ?",
                   DB_PARAMS(db_int(throttle->interval_us), subject_of(kind, text, hash)), NULL,
                   err);
}

int attempt_forget(db_t *db, attempt_kind_t kind, const char *text, err_t *err)
{
    uint8_t hash[CRYPTO_HASH];
    return db_exec(db, "DELETE FROM login_throttle WHERE subject = ?",
                   DB_PARAMS(subject_of(kind, text, hash)), NULL, err);
}

// Found first and then deleted by key: a range that is deleted locks its neighbours, too.
int attempt_tidy(db_t *db, int64_t now_us, err_t *err)
{
    uint8_t found[TIDY_ROWS][CRYPTO_HASH];
    size_t count = 0;
    {
        cleanup_db_rows db_rows_t *rows = db_query(
            db, "SELECT subject FROM login_throttle WHERE until < ? ORDER BY until LIMIT ?",
            DB_PARAMS(db_int(now_us), db_int(TIDY_ROWS)), err);
        int more = rows ? db_next(rows, err) : -1;
        for (; more > 0; more = db_next(rows, err))
            memcpy(found[count++], db_get_text(rows, 0, NULL), CRYPTO_HASH);
        if (more < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (db_exec(db, "DELETE FROM login_throttle WHERE subject = ? AND until < ?",
                    DB_PARAMS(db_blob(found[i], CRYPTO_HASH), db_int(now_us)), NULL, err) < 0)
            return -1;
    return 0;
}
