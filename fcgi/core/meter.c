#include "core/meter.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { TEXT_MAX = 8192 };

void meter_close(meter_t *m)
{
    fd_close(&m->cpu);
    fd_close(&m->peak);
}

int meter_text(int fd, char *text, size_t size, err_t *err)
{
    ssize_t n = pread(fd, text, size - 1, 0);
    if (n < 0)
        return err_errno(err, "cannot read a control group's file");
    text[n] = '\0';
    return 0;
}

int meter_number(int fd, int64_t *out, err_t *err)
{
    char text[TEXT_MAX];
    if (meter_text(fd, text, sizeof text, err) < 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    return str_int(text, INT64_MIN, INT64_MAX, out, err);
}

int meter_key(int fd, const char *key, int64_t *out, err_t *err)
{
    char text[TEXT_MAX];
    if (meter_text(fd, text, sizeof text, err) < 0)
        return -1;
    size_t len = strlen(key);
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, len) != 0 || line[len] != ' ')
            continue;
        line[strcspn(line, "\n")] = '\0';
        return str_int(line + len + 1, INT64_MIN, INT64_MAX, out, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no %s", key);
}

int meter_read(const meter_t *m, meter_reading_t *out, err_t *err)
{
    int64_t cpu, peak;
    if (m->v2) {
        if (meter_key(m->cpu, "usage_usec", &cpu, err) < 0)
            return -1;
    } else {
        if (meter_number(m->cpu, &cpu, err) < 0)
            return -1;
        cpu /= 1000;
    }
    if (m->peak < 0 || meter_number(m->peak, &peak, NULL) < 0)
        peak = -1;
    *out = (meter_reading_t){.cpu_us = cpu, .memory_peak_bytes = peak};
    return 0;
}

bool meter_reset_peak(const meter_t *m)
{
    // What v1 wants to read does no harm on v2.
    return m->peak >= 0 && pwrite(m->peak, "0", 1, 0) == 1;
}
