#include "service/retention.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/partition.h"

enum {
    LOOK_S = 3600,
    RETRY_S = 60,
    STACK_BYTES = 256 * 1024,
    TIMEOUT_S = 60, // a table with much in its last partition takes long to divide
};

struct retention {
    const config_t *config;
    db_pool_t *pool; // of its own: for longer time limits
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
};

static int keep_all(db_t *db, const config_t *config, int64_t now_us, err_t *err)
{
    const struct {
        const partition_table_t *table;
        int64_t days;
    } rows[] = {
        {&PARTITION_CALLS, config->keep_calls_days},
        {&PARTITION_LOGS, config->keep_calls_days},
        {&PARTITION_MINUTES, config->keep_minutes_days},
        {&PARTITION_HOURS, config->keep_hours_days},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (partition_keep(db, rows[i].table, (int)rows[i].days, now_us, err) < 0)
            return -1;
    return 0;
}

int retention_run(db_t *db, const config_t *config, err_t *err)
{
    int mine = partition_lock(db, err);
    if (mine <= 0)
        return mine;
    int rc = keep_all(db, config, clock_wall_us(), err);
    partition_unlock(db);
    return rc;
}

// Seconds until the next look.
static int look(const retention_t *r)
{
    err_t err;
    cleanup_db db_t *db = db_get(r->pool, &err);
    if (db && retention_run(db, r->config, &err) == 0)
        return LOOK_S;
    log_fail(LOG_WARN, "old records are not dropped; trying again in a minute", &err, NULL);
    return RETRY_S;
}

static void *retention_main(void *arg)
{
    retention_t *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        pthread_mutex_unlock(&r->lock);
        int64_t until = clock_mono_ns() + look(r) * 1000000000LL;
        const struct timespec at = {until / 1000000000, until % 1000000000};
        pthread_mutex_lock(&r->lock);
        while (!r->stopping && pthread_cond_timedwait(&r->stop, &r->lock, &at) != ETIMEDOUT)
            continue;
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void destroy(retention_t *r)
{
    pthread_cond_destroy(&r->stop);
    pthread_mutex_destroy(&r->lock);
    db_pool_close(r->pool);
    free(r);
}

static int start(retention_t *r, err_t *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int failure = pthread_create(&r->thread, &attr, retention_main, r);
    pthread_attr_destroy(&attr);
    if (!failure)
        return 0;
    errno = failure;
    return err_errno(err, "cannot start the thread that drops old records");
}

int retention_open(const config_t *config, retention_t **out, err_t *err)
{
    db_url_t url;
    db_limits_t limits = DB_LIMITS(1);
    limits.timeout_s = TIMEOUT_S;
    retention_t *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    r->config = config;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->stop, &attr);
    pthread_condattr_destroy(&attr);
    if (db_url_config(config, &url, err) < 0 || db_pool_open(&url, limits, &r->pool, err) < 0 ||
        start(r, err) < 0) {
        destroy(r);
        return -1;
    }
    *out = r;
    return 0;
}

void retention_close(retention_t *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->stop);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    destroy(r);
}
