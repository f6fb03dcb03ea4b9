#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "keeper/keeper.h"

enum { SHORT_SHARE = 16 }; // less than this part of all memory is short

typedef struct {
    int64_t total_kb, available_kb;
} memory_t;

// A line of /proc/meminfo is "Name:   number kB".
static void read_line(char *line, const char *name, int64_t *out)
{
    if (!str_starts(line, name))
        return;
    char *number = line + strlen(name) + strspn(line + strlen(name), " ");
    number[strcspn(number, " ")] = '\0';
    if (str_int(number, 0, INT64_MAX, out, NULL) < 0)
        *out = 0;
}

static memory_t read_memory(void)
{
    memory_t memory = {0};
    cleanup_fclose FILE *f = fopen("/proc/meminfo", "re");
    cleanup_free char *line = NULL;
    size_t size = 0;
    while (f && memory.available_kb == 0 && getline(&line, &size, f) >= 0) {
        read_line(line, "MemTotal:", &memory.total_kb);
        read_line(line, "MemAvailable:", &memory.available_kb);
    }
    return memory;
}

int64_t memory_available_kb(void)
{
    return read_memory().available_kb;
}

bool memory_is_short(int64_t mb)
{
    memory_t memory = read_memory();
    return memory.available_kb - mb * 1024 < memory.total_kb / SHORT_SHARE;
}
