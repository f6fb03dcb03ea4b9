// Hashing and checking passwords. Each hash takes 64 MiB and about 0.1 s of a core, so a process makes only so
// many at once; some callers may wait for their turn, the rest are refused.
#ifndef CLOCHE_SERVICE_PASSWORDS_H
#define CLOCHE_SERVICE_PASSWORDS_H

#include "base/err.h"
#include "core/crypto.h"

typedef struct passwords passwords_t;

int passwords_open(int parallel, int waiting, passwords_t **out, err_t *err) MUSTCHECK;
void passwords_close(passwords_t *p);

// ERR_TOO_MANY when too many wait already.
int passwords_hash(passwords_t *p, const char *password, char out[CRYPTO_PASSWORD],
                   err_t *err) MUSTCHECK;
// 1: it is the password, 0: it is not. With "" for a hash, as of an account that is not there or has no
// password, it never is, and takes as long to say.
int passwords_verify(passwords_t *p, const char *hash, const char *password, err_t *err) MUSTCHECK;

#endif
