#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/commands.h"
#include "db/migrate.h"
#include "model/function_search.h"
#include "service/retention.h"

// The first directory `sql` found from the program's upwards: beside bin/ where it is installed, above
// build/bin in a checkout.
static int find_dir(char out[PATH_MAX], err_t *err)
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - sizeof "/sql");
    if (len < 0)
        return err_errno(err, "cannot find the program's own path");
    out[len] = '\0';
    for (int i = 0; i < 4; i++) {
        char *slash = strrchr(out, '/');
        if (!slash)
            break;
        memcpy(slash, "/sql", sizeof "/sql");
        if (access(out, R_OK | X_OK) == 0)
            return 0;
        *slash = '\0';
    }
    return err_set(err, ERR_NOT_FOUND,
                   "there are no migrations near the program; name their "
                   "directory with --dir");
}

static int choose_dir(int argc, char **argv, char out[PATH_MAX], err_t *err)
{
    const char *given = getenv("CLOCHE_SQL_DIR");
    if (argc == 2 && str_eq(argv[0], "--dir"))
        given = argv[1];
    else if (argc != 0)
        return err_set(err, ERR_INVALID, "usage: cloche migrate [--dir DIR]");
    if (!given || !*given)
        return find_dir(out, err);
    if (!str_copy(out, PATH_MAX, given))
        return err_set(err, ERR_INVALID, "the directory's name is too long");
    return 0;
}

// Of functions that came in any other way than by the API.
static int pack_search(db_t *db, err_t *err)
{
    int packed;
    while ((packed = function_search_pack(db, err)) > 0)
        continue;
    return packed;
}

static int migrate(const config_t *config, const char *dir, err_t *err)
{
    db_pool_t *pool;
    if (cli_connect(config, 0, &pool, err) < 0)
        return -1;
    db_t *db = db_get(pool, err);
    int applied = -1;
    if (db) {
        applied = migrate_run(db, dir, stdout, err);
        // Before anything is in the tables this takes a moment; later it waits for their users.
        if (applied >= 0 && (retention_run(db, config, err) < 0 || pack_search(db, err) < 0))
            applied = -1;
        db_put(db);
    }
    db_pool_close(pool);
    return applied;
}

int cmd_migrate(int argc, char **argv)
{
    err_t err;
    config_t config;
    char dir[PATH_MAX];
    if (choose_dir(argc, argv, dir, &err) < 0 || config_load(&config, &err) < 0)
        return cli_fail(&err);
    int applied = migrate(&config, dir, &err);
    if (applied < 0)
        return cli_fail(&err);
    if (!applied)
        puts("the database is up to date");
    return 0;
}
