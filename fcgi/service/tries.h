// How often a password may be tried, by account and by address; shared by all workers, and kept over a
// restart.
#ifndef CLOCHE_SERVICE_TRIES_H
#define CLOCHE_SERVICE_TRIES_H

#include "base/err.h"
#include "db/db.h"
#include "service/accounts.h"

// Takes a try of the address and of the account, unless that is NULL, or none of either: ERR_TOO_MANY. Before
// the password is looked at, so that many at the same time are counted, too; who is right gets it back.
int tries_take(const accounts_t *a, const account_call_t *call, const char *username,
               err_t *err) MUSTCHECK;
int tries_give_back(const accounts_t *a, db_t *db, const account_call_t *call, const char *username,
                    err_t *err) MUSTCHECK;
// Deletes some of what is past.
int tries_tidy(db_t *db, err_t *err) MUSTCHECK;

#endif
