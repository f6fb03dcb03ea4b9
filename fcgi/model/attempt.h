// Tries to sign in, counted for each account name and each address: what core/throttle.h needs to know,
// shared by all workers.
#ifndef CLOCHE_MODEL_ATTEMPT_H
#define CLOCHE_MODEL_ATTEMPT_H

#include <stdint.h>

#include "base/err.h"
#include "core/throttle.h"
#include "db/db.h"

typedef enum { ATTEMPT_ADDRESS, ATTEMPT_ACCOUNT } attempt_kind_t;

// Takes a try, inside a transaction, which locks the subject until its end; where there is more than one,
// in the order of attempt_kind_t. *wait_us is 0, or how long to wait when there is none left.
int attempt_take(db_t *db, attempt_kind_t kind, const char *text, const throttle_t *throttle,
                 int64_t now_us, int64_t *wait_us, err_t *err) MUSTCHECK;
// Gives a try back, and forgets all of them.
int attempt_give(db_t *db, attempt_kind_t kind, const char *text, const throttle_t *throttle,
                 err_t *err) MUSTCHECK;
int attempt_forget(db_t *db, attempt_kind_t kind, const char *text, err_t *err) MUSTCHECK;

// Deletes some of the rows that mean nothing any more. Outside of a transaction.
int attempt_tidy(db_t *db, int64_t now_us, err_t *err) MUSTCHECK;

#endif
