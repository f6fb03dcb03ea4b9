#include "keeper/freezer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"

enum { STACK_BYTES = 256 * 1024 };

typedef struct wish {
    cgroup_t group; // without descriptors
    bool frozen;
    struct wish *prev, *next;
} wish_t;

struct freezer {
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    wish_t *wishes;
    bool closing;
};

static void carry_out(const cgroup_t *group, bool frozen)
{
    err_t err;
    // A group that is gone was killed meanwhile.
    if (cgroup_freeze(group, frozen, &err) < 0)
        log_fail(LOG_DEBUG, frozen ? "not frozen" : "not thawed", &err, "cell", group->cell, NULL);
}

static void *work(void *context)
{
    freezer_t *f = context;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        wish_t *w = f->wishes;
        if (!w && f->closing)
            break;
        if (!w) {
            pthread_cond_wait(&f->wake, &f->lock);
            continue;
        }
        DL_DELETE(f->wishes, w);
        pthread_mutex_unlock(&f->lock);
        carry_out(&w->group, w->frozen);
        free(w);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int freezer_open(freezer_t **out, err_t *err)
{
    pthread_attr_t attr;
    freezer_t *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(err, ERR_INTERNAL, "out of memory");
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    f->running = pthread_create(&f->thread, &attr, work, f) == 0;
    pthread_attr_destroy(&attr);
    if (!f->running) {
        freezer_close(f);
        return err_set(err, ERR_INTERNAL, "cannot start the thread that freezes");
    }
    *out = f;
    return 0;
}

void freezer_close(freezer_t *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->running)
        pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void freezer_set(freezer_t *f, const cgroup_t *group, bool frozen)
{
    wish_t *made = malloc(sizeof *made), *w, *next;
    if (!made) {
        carry_out(group, frozen);
        return;
    }
    *made = (wish_t){.group = *group, .frozen = frozen};
    made->group.oom = made->group.meter.cpu = made->group.meter.peak = -1;
    pthread_mutex_lock(&f->lock);
    DL_FOREACH_SAFE (f->wishes, w, next) {
        if (strcmp(w->group.cell, group->cell) != 0)
            continue;
        DL_DELETE(f->wishes, w);
        free(w);
    }
    DL_APPEND(f->wishes, made);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}
