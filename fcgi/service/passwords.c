#include "service/passwords.h"

#include <pthread.h>
#include <stdlib.h>

struct passwords {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int parallel, running;
    int waiting_max, waiting;
};

int passwords_open(int parallel, int waiting, passwords_t **out, err_t *err)
{
    passwords_t *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_INTERNAL, "out of memory");
    p->parallel = parallel;
    p->waiting_max = waiting;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->freed, NULL);
    *out = p;
    return 0;
}

void passwords_close(passwords_t *p)
{
    if (!p)
        return;
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static int enter(passwords_t *p, err_t *err)
{
    int result = 0;
    pthread_mutex_lock(&p->lock);
    if (p->running >= p->parallel && p->waiting >= p->waiting_max) {
        result = err_set(err, ERR_TOO_MANY, "many are signing in right now");
    } else {
        p->waiting++;
        while (p->running >= p->parallel)
            pthread_cond_wait(&p->freed, &p->lock);
        p->waiting--;
        p->running++;
    }
    pthread_mutex_unlock(&p->lock);
    return result;
}

static void leave(passwords_t *p)
{
    pthread_mutex_lock(&p->lock);
    p->running--;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

int passwords_hash(passwords_t *p, const char *password, char out[CRYPTO_PASSWORD], err_t *err)
{
    if (enter(p, err) < 0)
        return -1;
    int result = crypto_password_hash(password, out, err);
    leave(p);
    return result;
}

int passwords_verify(passwords_t *p, const char *hash, const char *password, err_t *err)
{
    if (!hash[0]) {
        // Making a hash is the work of checking one.
        char unused[CRYPTO_PASSWORD];
        return passwords_hash(p, password, unused, err);
    }
    if (enter(p, err) < 0)
        return -1;
    bool right = crypto_password_verify(hash, password);
    leave(p);
    return right;
}
