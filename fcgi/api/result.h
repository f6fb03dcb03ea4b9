// What came of one call, as JSON: the answer of `execute`, which `compare` gives for each of its runs.
#ifndef CLOCHE_API_RESULT_H
#define CLOCHE_API_RESULT_H

#include <stdint.h>

#include "base/buf.h"
#include "model/invocation.h"
#include "service/invoke.h"

enum { RESULT_MAX = 64 * 1024 * 1024 }; // bytes of output and log, escaped

// Times in microseconds, memory in bytes; -1: not known.
typedef enum {
    FIGURE_QUEUE,
    FIGURE_INIT,
    FIGURE_RUN,
    FIGURE_TOTAL,
    FIGURE_CPU,
    FIGURE_MEMORY_PEAK,
    FIGURE_COUNT
} figure_t;

void result_figures(const invocation_t *record, int64_t figures[FIGURE_COUNT]);
void result_put_figures(buf_t *out, const char *key, const int64_t figures[FIGURE_COUNT]);

// The members of the answer, for an object that has been begun.
void result_put(buf_t *out, const invocation_t *record, const invoke_answer_t *answer);
// The same without output and log, and with a mark that says so.
void result_put_brief(buf_t *out, const invocation_t *record, const invoke_answer_t *answer);

#endif
