#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/commands.h"
#include "core/crypto.h"
#include "model/token.h"
#include "model/user.h"

static const char NAME[] = "admin";
static const char TOKEN_NAME[] = "admin.token";

typedef enum { TOKEN_KEPT, TOKEN_MADE } outcome_t;

// The account, made when it is missing.
static int ensure_user(db_t *db, user_t *user, err_t *err)
{
    err_t why;
    if (user_by_name(db, NAME, user, &why) == 0) {
        if (user->disabled || user->role != ROLE_ADMIN)
            return err_set(err, ERR_FORBIDDEN, "the account %s is disabled or no longer an admin",
                           NAME);
        return 0;
    }
    if (why.code != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    *user = (user_t){.role = ROLE_ADMIN, .created_us = clock_wall_us()};
    id_new(user->id);
    str_copy(user->username, sizeof user->username, NAME);
    return user_insert(db, user, err);
}

// What the file holds in its first line, "" when it is not there.
static int read_file(const char *path, char out[CRYPTO_TOKEN + 1], err_t *err)
{
    out[0] = '\0';
    cleanup_fclose FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read %s", path);
    bool got = fgets(out, CRYPTO_TOKEN + 1, f);
    out[strcspn(out, "\n")] = '\0';
    return !got && ferror(f) ? err_errno(err, "cannot read %s", path) : 0;
}

// 1: the file holds a token of the account that is accepted, 0: it does not, or there is none.
static int is_valid(db_t *db, const char *path, const user_t *user, err_t *err)
{
    char token[CRYPTO_TOKEN + 1];
    if (read_file(path, token, err) < 0)
        return -1;
    if (!crypto_is_token(token))
        return 0;
    uint8_t hash[CRYPTO_HASH];
    access_t access;
    err_t why;
    crypto_sha256(token, strlen(token), hash);
    if (token_access(db, hash, clock_wall_us(), &access, &why) == 0)
        return str_eq(access.user_id, user->id);
    if (why.code == ERR_UNAUTHORIZED)
        return 0;
    *err = why;
    return -1;
}

// Writes beside the file, then renames: it is never half there, and never readable by others.
static int write_file(const char *path, const char *token, err_t *err)
{
    char draft[CONFIG_TEXT + 32];
    snprintf(draft, sizeof draft, "%s.new", path);
    if (unlink(draft) < 0 && errno != ENOENT)
        return err_errno(err, "cannot replace %s", draft);
    cleanup_close int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) < 0 || dprintf(fd, "%s\n", token) < 0 || fsync(fd) < 0)
        return err_errno(err, "cannot write %s", draft);
    if (rename(draft, path) < 0)
        return err_errno(err, "cannot write %s", path);
    return 0;
}

static int make_token(db_t *db, const user_t *user, const char *path, err_t *err)
{
    char text[CRYPTO_TOKEN];
    token_t token = {.scopes = SCOPE_ALL, .created_us = clock_wall_us()};
    crypto_token(text);
    crypto_sha256(text, strlen(text), token.hash);
    id_new(token.id);
    str_copy(token.user_id, sizeof token.user_id, user->id);
    str_copy(token.name, sizeof token.name, TOKEN_NAME);
    // The file is written before the commit: a token that is accepted is always in the file.
    if (db_begin(db, err) < 0 || token_delete_named(db, user->id, TOKEN_NAME, err) < 0 ||
        token_insert(db, &token, err) < 0 || write_file(path, text, err) < 0)
        return -1;
    return db_commit(db, err);
}

static int ensure_admin(db_pool_t *pool, const char *path, outcome_t *outcome, err_t *err)
{
    user_t user;
    cleanup_db db_t *db = db_get(pool, err);
    if (!db || ensure_user(db, &user, err) < 0)
        return -1;
    int valid = is_valid(db, path, &user, err);
    if (valid < 0)
        return -1;
    *outcome = valid ? TOKEN_KEPT : TOKEN_MADE;
    return valid ? 0 : make_token(db, &user, path, err);
}

int cmd_admin(int argc, char **argv)
{
    (void)argv;
    err_t err;
    config_t config;
    db_pool_t *pool;
    outcome_t outcome = TOKEN_KEPT;
    char path[CONFIG_TEXT + 16];
    if (argc != 0) {
        fputs("cloche: usage: cloche admin\n", stderr);
        return 2;
    }
    if (config_load(&config, &err) < 0 || cli_connect(&config, 10, &pool, &err) < 0)
        return cli_fail(&err);
    snprintf(path, sizeof path, "%s/admin.token", config.home);
    int rc = ensure_admin(pool, path, &outcome, &err);
    db_pool_close(pool);
    if (rc < 0)
        return cli_fail(&err);
    printf("%s %s\n", outcome == TOKEN_MADE ? "a new token is in" : "there is a valid token in",
           path);
    return 0;
}
