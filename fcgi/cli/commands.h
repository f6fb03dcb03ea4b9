// The commands of `cloche`. Each gets the arguments after its name and returns the exit status.
#ifndef CLOCHE_CLI_COMMANDS_H
#define CLOCHE_CLI_COMMANDS_H

#include "base/err.h"
#include "core/config.h"
#include "db/db.h"

int cmd_migrate(int argc, char **argv);
int cmd_admin(int argc, char **argv);
int cmd_settings(int argc, char **argv);

// Prints "cloche: <text>" to stderr and returns 1.
int cli_fail(const err_t *err);

// A pool of one connection to the configured database. Root connects to the private database as its
// root, everybody else as `cloche`: both by unix socket, without a password. `timeout_s` 0: none.
int cli_connect(const config_t *config, int timeout_s, db_pool_t **pool, err_t *err) MUSTCHECK;

#endif
