// A MariaDB of a test program's own: made in a temporary folder, reached by socket only, gone with the
// program, which runs its tests with RUN_DATABASE_TESTS.
#ifndef CLOCHE_TESTS_UNIT_DATABASE_H
#define CLOCHE_TESTS_UNIT_DATABASE_H

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/crypto.h"
#include "db/db.h"
#include "db/migrate.h"
#include "support.h"

typedef struct {
    char dir[64];
    db_url_t url;
    pid_t pid;
    bool durable; // what is committed survives SIGKILL, from the next launch on
} database_t;

// Runs a program as the user mysql; its output goes to <dir>/log.
static inline pid_t database_spawn(const database_t *d, const char *const *argv)
{
    const struct passwd *user = getpwnam("mysql");
    assert_non_null(user);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    union {
        const char *const *in;
        char *const *out;
    } args = {argv};
    char log[96];
    snprintf(log, sizeof log, "%s/log", d->dir);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    // Root gives its rights up here and not in the server: that would make it outlive us.
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execvp(args.out[0], args.out);
    _exit(127);
}

static inline void database_launch(database_t *d)
{
    char data[96], socket[280];
    snprintf(data, sizeof data, "--datadir=%s/data", d->dir);
    snprintf(socket, sizeof socket, "--socket=%s", d->url.socket);
    const char *const argv[] = {"mariadbd",
                                "--no-defaults",
                                data,
                                socket,
                                "--skip-networking",
                                "--performance-schema=OFF",
                                "--innodb-buffer-pool-size=16M",
                                "--innodb-log-file-size=8M",
                                d->durable ? "--innodb-flush-log-at-trx-commit=1"
                                           : "--innodb-flush-log-at-trx-commit=0",
                                NULL};
    d->pid = database_spawn(d, argv);
}

static inline void database_run(database_t *d, const char *sql)
{
    db_pool_t *pool;
    db_url_t url = d->url;
    snprintf(url.name, sizeof url.name, "mysql");
    assert_ok(db_pool_open(&url, DB_LIMITS(1), &pool, NULL));
    err_t err = {0};
    int64_t until = clock_mono_ms() + 20000;
    db_t *db;
    while (!(db = db_get(pool, &err)) && clock_mono_ms() < until)
        usleep(20000);
    if (!db)
        fail_msg("%s", err.msg);
    assert_ok(db_run(db, sql, strlen(sql), &err));
    db_put(db);
    db_pool_close(pool);
}

static inline void database_wait(database_t *d)
{
    database_run(d, "DO 1");
}

static inline void database_start(database_t *d)
{
    *d = (database_t){.dir = "/tmp/cloche-test-XXXXXX"};
    assert_non_null(mkdtemp(d->dir));
    const struct passwd *user = getpwnam("mysql");
    if (geteuid() == 0 && user)
        assert_int_equal(chown(d->dir, user->pw_uid, user->pw_gid), 0);
    char data[96];
    snprintf(data, sizeof data, "--datadir=%s/data", d->dir);
    const char *const install[] = {"mariadb-install-db",
                                   "--no-defaults",
                                   data,
                                   "--auth-root-authentication-method=normal",
                                   "--skip-test-db",
                                   "--skip-name-resolve",
                                   NULL};
    int status;
    waitpid(database_spawn(d, install), &status, 0);
    assert_int_equal(status, 0);
    snprintf(d->url.socket, sizeof d->url.socket, "%s/sock", d->dir);
    snprintf(d->url.user, sizeof d->url.user, "root");
    snprintf(d->url.name, sizeof d->url.name, "cloche");
    database_launch(d);
    database_run(d, "CREATE DATABASE cloche CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
}

// Returns when all of its threads stand still.
static inline void database_hold(const database_t *d)
{
    int status;
    kill(d->pid, SIGSTOP);
    assert_int_equal(waitpid(d->pid, &status, WUNTRACED), d->pid);
    assert_true(WIFSTOPPED(status));
}

static inline void database_end(database_t *d, int sig)
{
    kill(d->pid, sig);
    waitpid(d->pid, NULL, 0);
    d->pid = 0;
}

static inline int database_remove(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void database_stop(database_t *d)
{
    if (d->pid > 0)
        database_end(d, SIGKILL);
    nftw(d->dir, database_remove, 16, FTW_DEPTH | FTW_PHYS);
}

// A pool on a database that has the schema.
static inline db_pool_t *database_pool(database_t *d, int connections)
{
    db_pool_t *pool;
    err_t err = {0};
    assert_ok(db_pool_open(&d->url, DB_LIMITS(connections), &pool, &err));
    db_t *db = db_get(pool, &err);
    assert_non_null(db);
    if (migrate_run(db, "sql", NULL, &err) < 0)
        fail_msg("%s", err.msg);
    db_put(db);
    return pool;
}

// ---- a program's database, and its main

static database_t database;
static db_pool_t *pool;

// The group's set-up, for programs that need no more; others call it first.
static inline int database_set_up(void **state)
{
    (void)state;
    database_start(&database);
    pool = database_pool(&database, 8);
    return 0;
}

static inline int database_tear_down(void **state)
{
    (void)state;
    db_pool_close(pool);
    database_stop(&database);
    return 0;
}

enum { DATABASE_WATCHDOG_S = 120 };

// What is made to fail on purpose would fill the log: V=1 shows it.
#define RUN_DATABASE_TESTS(tests, set_up)                                      \
    (alarm(DATABASE_WATCHDOG_S),                                               \
     log_init("test", getenv("V") ? LOG_DEBUG : (log_level_t)(LOG_ERROR + 1)), \
     crypto_init(NULL) < 0 ? 1 : cmocka_run_group_tests((tests), (set_up), database_tear_down))

#endif
