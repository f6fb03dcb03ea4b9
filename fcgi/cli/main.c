// cloche: the command line tool of an installation.
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/commands.h"
#include "core/crypto.h"

typedef struct {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(int argc, char **argv);
} command_t;

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts(CLOCHE_VERSION);
    return 0;
}

static const command_t COMMANDS[] = {
    {"migrate", "[--dir DIR]",
     "Brings the database to the schema of this version: applies the numbered files in DIR that "
     "it\n"
     "lacks. DIR is CLOCHE_SQL_DIR or, without that, the directory sql beside the program's.",
     cmd_migrate},
    {"admin", "",
     "Makes the account admin and a token for it in the file admin.token of `home`, readable by "
     "its\n"
     "owner only. Does nothing when the file holds a valid token; a lost one is replaced, and no\n"
     "longer accepted.",
     cmd_admin},
    {"settings", "", "Prints the settings in force, from file and environment.", cmd_settings},
    {"version", "", "Prints the version of this program.", cmd_version},
};
enum { COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static void print_indented(const char *text)
{
    fputs("      ", stdout);
    for (; *text; text++) {
        putchar(*text);
        if (*text == '\n')
            fputs("      ", stdout);
    }
    putchar('\n');
}

static int help(void)
{
    puts("usage: cloche COMMAND [ARGUMENT]...\n\ncommands:");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        printf("  cloche %s%s%s\n", COMMANDS[i].name, COMMANDS[i].arguments[0] ? " " : "",
               COMMANDS[i].arguments);
        print_indented(COMMANDS[i].help);
    }
    puts("\nsettings, from `name = value` lines in $CLOCHE_HOME/cloche.conf, then from the\n"
         "environment as CLOCHE_NAME:");
    config_help(stdout);
    return 0;
}

int cli_fail(const err_t *err)
{
    fprintf(stderr, "cloche: %s\n", err->msg);
    return 1;
}

int cli_connect(const config_t *config, int timeout_s, db_pool_t **pool, err_t *err)
{
    db_url_t url;
    if (db_url_config(config, &url, err) < 0)
        return -1;
    if (!config->db_url[0] && geteuid() == 0)
        str_copy(url.user, sizeof url.user, "root");
    db_limits_t limits = DB_LIMITS(1);
    limits.timeout_s = timeout_s;
    return db_pool_open(&url, limits, pool, err);
}

int main(int argc, char **argv)
{
    err_t err;
    log_init("cloche", LOG_INFO);
    if (crypto_init(&err) < 0)
        return cli_fail(&err);
    const char *name = argc > 1 ? argv[1] : "";
    if (str_eq(name, "--version"))
        return cmd_version(0, NULL);
    if (str_eq(name, "--help") || str_eq(name, "-h") || str_eq(name, "help"))
        return help();
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (str_eq(name, COMMANDS[i].name))
            return COMMANDS[i].run(argc - 2, argv + 2);
    if (*name)
        fprintf(stderr, "cloche: there is no command %s; try cloche --help\n", name);
    else
        fputs("cloche: which command? try cloche --help\n", stderr);
    return 2;
}
