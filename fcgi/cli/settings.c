#include <stdio.h>

#include "cli/commands.h"

int cmd_settings(int argc, char **argv)
{
    (void)argv;
    err_t err;
    config_t c;
    if (argc != 0) {
        fputs("cloche: usage: cloche settings\n", stderr);
        return 2;
    }
    if (config_load(&c, &err) < 0)
        return cli_fail(&err);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        config_setting_t setting;
        config_describe(&c, i, &setting);
        if (setting.is_number)
            printf("%s = %lld\n", setting.name, (long long)setting.number);
        else
            printf("%s = %s\n", setting.name, setting.text);
    }
    return 0;
}
