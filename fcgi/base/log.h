// The log: one JSON object a line on stderr, which the supervisor keeps and rotates.
//
//     log_info("cell ready", "cell", id, "runtime", "docker", NULL);
//
// Keys and values are strings, in pairs, ended by NULL; log_err adds what an err_t says. A line is
// one write(2) of at most PIPE_BUF bytes, so lines of several threads and processes never mix; of one that
// would be longer the message is kept.
#ifndef CLOCHE_BASE_LOG_H
#define CLOCHE_BASE_LOG_H

#include <stddef.h>

#include "base/err.h"

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level_t;

// Names the program in every line and sets the lowest level written. Call before threads start.
void log_init(const char *program, log_level_t lowest);

// Ties the calling thread's lines to a request ("" ends that). The text is copied.
void log_request(const char *request_id);

void log_line(log_level_t level, const char *msg, const err_t *err, ...) __attribute__((sentinel));

#define log_debug(msg, ...) log_line(LOG_DEBUG, msg, NULL, __VA_ARGS__)
#define log_info(msg, ...) log_line(LOG_INFO, msg, NULL, __VA_ARGS__)
#define log_warn(msg, ...) log_line(LOG_WARN, msg, NULL, __VA_ARGS__)
#define log_error(msg, ...) log_line(LOG_ERROR, msg, NULL, __VA_ARGS__)
// Warnings and errors with the reason: log_fail(LOG_WARN, "cannot reach the engine", &err, NULL).
#define log_fail(level, msg, err, ...) log_line(level, msg, err, __VA_ARGS__)

#endif
