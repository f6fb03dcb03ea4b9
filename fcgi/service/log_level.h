// How grave a line is that a function printed: debug, info, warn or error.
#ifndef CLOCHE_SERVICE_LOG_LEVEL_H
#define CLOCHE_SERVICE_LOG_LEVEL_H

#include <stddef.h>

#include "base/log.h"

// What a line that is a JSON object says in "level" or "severity", as a word or as one of pino's and
// bunyan's numbers; `otherwise` for all other lines and for words that nobody knows.
log_level_t log_level_of(const char *text, size_t len, log_level_t otherwise);

const char *log_level_name(log_level_t level);

#endif
