// The figures of a control group, read through files of it that stay open: by the keeper, and by a worker
// that the keeper lent them for a while.
#ifndef CLOCHE_CORE_METER_H
#define CLOCHE_CORE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Descriptors, -1 while they are not open. A reset of the v2's peak holds for readers of the same open file.
typedef struct {
    int cpu;  // v1: cpuacct.usage; v2: cpu.stat
    int peak; // v1: memory.max_usage_in_bytes; v2: memory.peak, which older kernels do not have
    bool v2;
} meter_t;

typedef struct {
    int64_t cpu_us;            // since the group was made
    int64_t memory_peak_bytes; // since it was made or last reset; -1 where the kernel cannot tell
} meter_reading_t;

void meter_close(meter_t *m);

int meter_read(const meter_t *m, meter_reading_t *out, err_t *err) MUSTCHECK;
// Starts the peak anew; false where the kernel cannot.
bool meter_reset_peak(const meter_t *m);

// Reads an open file of little text from its beginning, cut to what fits.
int meter_text(int fd, char *text, size_t size, err_t *err) MUSTCHECK;
// The same for a file of one number.
int meter_number(int fd, int64_t *out, err_t *err) MUSTCHECK;
// Finds `key` in one of lines "key number".
int meter_key(int fd, const char *key, int64_t *out, err_t *err) MUSTCHECK;

#endif
