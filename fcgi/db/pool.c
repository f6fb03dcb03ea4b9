#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "db/conn.h"

// After a failed attempt to connect, the next ones fail at once for this long: threads that queue up
// behind a stopped database would else wait for its time limit one after the other.
static const int64_t DOWN_NS = 250 * 1000000LL;

static const char SESSION[] =
    "SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', "
    "time_zone = '+00:00', innodb_lock_wait_timeout = 2";

// A look for a row that is not there must not lock the gap it would be in: writers that count calls make
// such rows all the time. No reader relies on two reads giving the same.
static const char ISOLATION[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

struct db_pool {
    db_url_t url;
    db_limits_t limits;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    db_t *free;
    int open; // connections made or being made
    int in_use;
    int64_t down_until; // monotonic
    err_t down;         // why
};

int db_pool_open(const db_url_t *url, db_limits_t limits, db_pool_t **out, err_t *err)
{
    if (mysql_library_init(0, NULL, NULL) != 0)
        return err_set(err, ERR_INTERNAL, "cannot start libmariadb");
    db_pool_t *pool = calloc(1, sizeof *pool);
    if (!pool)
        return err_set(err, ERR_INTERNAL, "out of memory");
    pool->url = *url;
    pool->limits = limits;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    *out = pool;
    return 0;
}

static void conn_free(db_t *db)
{
    conn_close(db);
    free(db->binds);
    free(db);
}

void db_pool_close(db_pool_t *pool)
{
    if (!pool)
        return;
    while (pool->free) {
        db_t *db = pool->free;
        pool->free = db->next;
        conn_free(db);
    }
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void db_pool_counts(db_pool_t *pool, db_pool_counts_t *out)
{
    pthread_mutex_lock(&pool->lock);
    *out = (db_pool_counts_t){pool->limits.connections, pool->open, pool->in_use};
    pthread_mutex_unlock(&pool->lock);
}

// ---- one connection

static bool is_lost(unsigned code)
{
    enum { CONNECTION_KILLED = 1927 }; // MariaDB only
    return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_CONNECTION_ERROR ||
           code == CR_CONN_HOST_ERROR || code == CR_UNKNOWN_HOST || code == ER_SERVER_SHUTDOWN ||
           code == CONNECTION_KILLED || code == CR_COMMANDS_OUT_OF_SYNC ||
           code == CR_MALFORMED_PACKET;
}

int conn_fail(db_t *db, unsigned code, const char *text, err_t *err)
{
    bool lost = is_lost(code);
    bool busy =
        code == ER_LOCK_WAIT_TIMEOUT || code == ER_LOCK_DEADLOCK || code == ER_CON_COUNT_ERROR;
    err_set(err, lost || busy ? ERR_UNAVAILABLE : ERR_INTERNAL, "database: %s (%u)", text, code);
    if (lost)
        conn_close(db);
    return -1;
}

int conn_open(db_t *db, err_t *err)
{
    const db_pool_t *pool = db->pool;
    const db_url_t *url = &pool->url;
    conn_close(db);
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql)
        return err_set(err, ERR_INTERNAL, "out of memory");
    unsigned timeout = (unsigned)pool->limits.timeout_s, off = 0;
    if (timeout) {
        mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
        mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout);
        mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
    }
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MYSQL_INIT_COMMAND, SESSION);
    mysql_options(mysql, MYSQL_INIT_COMMAND, ISOLATION);
    bool local = url->socket[0];
    if (!mysql_real_connect(mysql, local ? NULL : url->host, url->user, url->password, url->name,
                            url->port, local ? url->socket : NULL, CLIENT_FOUND_ROWS)) {
        err_set(err, ERR_UNAVAILABLE, "cannot connect to the database: %s (%u)", mysql_error(mysql),
                mysql_errno(mysql));
        mysql_close(mysql);
        return -1;
    }
    db->mysql = mysql;
    return 0;
}

void conn_close(db_t *db)
{
    statements_free(db);
    if (db->mysql)
        mysql_close(db->mysql);
    db->mysql = NULL;
    db->in_transaction = false;
}

// An idle connection has nothing to say, unless its server went away.
static bool is_idle(const db_t *db)
{
    struct pollfd fd = {.fd = (int)db->mysql->net.fd, .events = POLLIN | POLLRDHUP};
    return poll(&fd, 1, 0) == 0;
}

// ---- borrowing

// Takes a free connection, or the right to make one (*out is then NULL).
static int take(db_pool_t *pool, db_t **out, err_t *err)
{
    int64_t until = clock_mono_ns() + pool->limits.wait_ms * 1000000LL;
    struct timespec at = {until / 1000000000, until % 1000000000};
    while (!pool->free && pool->open >= pool->limits.connections)
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &at) == ETIMEDOUT)
            return err_set(err, ERR_UNAVAILABLE, "all %d database connections are busy",
                           pool->limits.connections);
    *out = pool->free;
    if (*out) {
        pool->free = (*out)->next;
    } else if (clock_mono_ns() < pool->down_until) {
        if (err)
            *err = pool->down;
        return -1;
    } else {
        pool->open++;
    }
    pool->in_use++;
    return 0;
}

// Gives up a connection that could not be made.
static void give_up(db_pool_t *pool, db_t *db, const err_t *why)
{
    if (db)
        conn_free(db);
    pthread_mutex_lock(&pool->lock);
    pool->open--;
    pool->in_use--;
    pool->down = *why;
    pool->down_until = clock_mono_ns() + DOWN_NS;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

db_t *db_get(db_pool_t *pool, err_t *err)
{
    db_t *db = NULL;
    pthread_mutex_lock(&pool->lock);
    int rc = take(pool, &db, err);
    pthread_mutex_unlock(&pool->lock);
    if (rc < 0)
        return NULL;
    if (db && is_idle(db))
        return db;
    err_t why = {0};
    if (!db && (db = calloc(1, sizeof *db)))
        db->pool = pool;
    if (!db)
        err_set(&why, ERR_INTERNAL, "out of memory");
    else if (conn_open(db, &why) == 0)
        return db;
    give_up(pool, db, &why);
    if (err)
        *err = why;
    return NULL;
}

void db_put(db_t *db)
{
    db_pool_t *pool = db->pool;
    if (db->in_transaction)
        db_rollback(db);
    bool lost = !db->mysql;
    if (lost)
        conn_free(db);
    pthread_mutex_lock(&pool->lock);
    pool->in_use--;
    if (lost) {
        pool->open--;
    } else {
        db->next = pool->free;
        pool->free = db;
    }
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}
