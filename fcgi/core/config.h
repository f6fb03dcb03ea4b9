// Settings: one table of name, type, default, range, unit and help, from which the file, the
// environment and --help are read and printed.
//
// Order: $CLOCHE_HOME/cloche.conf (`name = value`, `#` starts a comment), then CLOCHE_<NAME>.
#ifndef CLOCHE_CORE_CONFIG_H
#define CLOCHE_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum { CONFIG_TEXT = 256 };

// kind: T text, I integer, E one of the words in `range`
//   X(kind, member, default, min, max, unit or words, help)
#define CONFIG_SETTINGS(X)                                                                         \
    X(T, home, "/var/lib/cloche", 0, 0, "", "data: database, images, keys, admin.token")           \
    X(T, run, "/run/cloche", 0, 0, "", "sockets and pids")                                         \
    X(T, listen, "127.0.0.1:8080", 0, 0, "", "address nginx listens on")                           \
    X(T, db_url, "", 0, 0, "",                                                                     \
      "empty: a private MariaDB; else mysql://user:pass@host:port/db or "                          \
      "mysql://user@/db?socket=path")                                                              \
    X(T, docker_host, "", 0, 0, "", "empty: a private dockerd; else unix:///path of an engine")    \
    X(T, public_url, "", 0, 0, "",                                                                 \
      "empty: http:// and `listen`, or https:// and `tls_listen`; what urls and cookies are made " \
      "from")                                                                                      \
    X(T, function_host, "", 0, 0, "", "a host name of their own for functions")                    \
    X(T, tls_certificate, "", 0, 0, "",                                                            \
      "a PEM file, chain included: https is served, and `listen` leads to it")                     \
    X(T, tls_certificate_key, "", 0, 0, "", "the PEM file of its key")                             \
    X(T, tls_listen, "", 0, 0, "",                                                                 \
      "address nginx listens on for https; empty: that of `listen`, port 8443")                    \
    X(T, tls_function_certificate, "", 0, 0, "",                                                   \
      "a PEM file for `function_host`; empty: `tls_certificate` is for both")                      \
    X(T, tls_function_certificate_key, "", 0, 0, "", "the PEM file of its key")                    \
    X(I, hsts_s, 31536000, 0, 63072000, "s",                                                       \
      "with https: browsers are told to use nothing else for so long; 0: they are not")            \
    X(E, access_log, "on", 0, 0, "on|off", "nginx logs each request as a line of JSON")            \
    X(T, trusted_proxies, "", 0, 0, "",                                                            \
      "addresses and networks, with commas, of proxies whose X-Forwarded-For says who asks")       \
    X(E, registration, "", 0, 0, "open|closed",                                                    \
      "empty: open while `listen` is loopback, else closed")                                       \
    X(I, session_hours, 720, 1, 87600, "hours",                                                    \
      "a login in a browser ends so long after it began")                                          \
    X(I, session_idle_hours, 168, 1, 87600, "hours", "and so long after it was last used")         \
    X(I, login_tries, 10, 1, 1000, "tries", "failed logins of an account before it has to wait")   \
    X(I, login_tries_address, 50, 1, 100000, "tries",                                              \
      "the same of an address; new accounts count")                                                \
    X(I, login_interval_s, 30, 1, 86400, "s", "gives one such try back")                           \
    X(I, login_rate, 60, 1, 100000, "requests",                                                    \
      "logins and new accounts of an address per minute, failed or not, beyond 20 at once")        \
    X(I, password_hashes, 1, 1, 64, "hashes",                                                      \
      "passwords hashed at once by each API process; each takes 64 MiB")                           \
    X(I, audit_days, 365, 1, 36500, "days", "how long the audit trail is kept")                    \
    X(E, engine, "docker", 0, 0, "docker|oci",                                                     \
      "what makes the cells: a Docker daemon, or an OCI runtime called directly")                  \
    X(T, cgroup, "cloche", 0, 0, "", "name of the control group above all cells")                  \
    X(I, max_cells, 0, 0, 4096, "cells", "cells at once; 0: by the machine's memory")              \
    X(I, queue_timeout_ms, 5000, 1, 600000, "ms", "longest wait for a cell")                       \
    X(I, queue_length, 100, 0, 100000, "requests",                                                 \
      "waiting requests per function; a quarter once there were more")                             \
    X(I, pool_size, 2, 0, 256, "cells", "least ready cells per language and runtime")              \
    X(I, launches, 0, 0, 64, "cells", "cells made at the same time; 0: by the machine's cores")    \
    X(I, launch_timeout_ms, 20000, 1000, 600000, "ms",                                             \
      "longest start of a cell; more where machine or gVisor are slow")                            \
    X(I, idle_max_requests, 10000, 1, 1000000, "requests",                                         \
      "a kept cell (isolation function) is replaced after so many")                                \
    X(I, idle_timeout_s, 300, 1, 86400, "s", "a kept cell waits so long for its next request")     \
    X(I, prepared_cells, 8, 0, 4096, "cells",                                                      \
      "cells with a function's code loaded ahead of its requests; 0: none")                        \
    X(I, prepare_after, 3, 1, 1000000, "requests",                                                 \
      "a function has prepared cells from so many in a minute")                                    \
    X(I, prepare_from_ms, 10, 0, 900000, "ms",                                                     \
      "code that loads faster is not loaded ahead: it would gain less than it costs")              \
    X(I, prepare_timeout_ms, 10000, 1, 900000, "ms",                                               \
      "longest load in a prepared cell; never over the function's own timeout")                    \
    X(I, code_mb, 64, 8, 4096, "MB", "code that the keeper holds for prepared cells")              \
    X(I, threads_api, 8, 1, 1024, "threads", "threads of each process that serves the API")        \
    X(I, threads_fn, 64, 1, 4096, "threads", "threads of each process that runs functions")        \
    X(I, db_connections, 8, 1, 256, "connections", "database connections of each worker process")  \
    X(I, cache_ms, 1000, 0, 60000, "ms", "how long a function's row is used without asking again") \
    X(I, journal_mb, 256, 64, 65536, "MB",                                                         \
      "records that each worker process keeps while the database is away")                         \
    X(E, recording, "on", 0, 0, "on|off",                                                          \
      "off: calls leave no record and are not counted; to measure what that costs")                \
    X(I, keep_calls_days, 7, 1, 3650, "days", "how long records of calls and their logs are kept") \
    X(I, keep_minutes_days, 30, 1, 366, "days", "how long metrics by the minute are kept")         \
    X(I, keep_hours_days, 365, 30, 3650, "days", "how long metrics by the hour are kept")          \
    X(I, prometheus_functions, 100, 0, 1000, "functions",                                          \
      "how many functions /metrics names, those with the most calls")                              \
    X(E, log_level, "info", 0, 0, "debug|info|warn|error", "lowest level that is logged")

enum {
#define X(kind, name, fallback, min, max, unit, help) CONFIG_INDEX_##name,
    CONFIG_SETTINGS(X)
#undef X
        CONFIG_COUNT,
};

// Where a value is from. Derived: empty, and filled in from other settings.
typedef enum { CONFIG_DEFAULT, CONFIG_DERIVED, CONFIG_FILE, CONFIG_ENVIRONMENT } config_source_t;

typedef struct {
#define CONFIG_MEMBER_T(name) char name[CONFIG_TEXT];
#define CONFIG_MEMBER_E(name) char name[CONFIG_TEXT];
#define CONFIG_MEMBER_I(name) int64_t name;
#define X(kind, name, fallback, min, max, unit, help) CONFIG_MEMBER_##kind(name)
    CONFIG_SETTINGS(X)
#undef X
    config_source_t sources[CONFIG_COUNT];
} config_t;

// Reads file and environment. Unknown names, bad values and a missing home are errors that name the
// setting, its source and the rule; a missing file is none. `public_url`, `tls_listen` and `registration`
// are filled in from `listen` when empty.
int config_load(config_t *c, err_t *err) MUSTCHECK;

// Prints all settings with default, range and meaning, for --help.
void config_help(FILE *out);

// One setting, to be shown. The texts but `text` are static.
typedef struct {
    const char *name, *help;
    const char *unit;   // of a number, else ""
    const char *words;  // "a|b": the values it can have; "": any
    const char *source; // "default", "derived", "file", "environment"
    bool is_number;
    int64_t number, number_default, min, max;
    char text[CONFIG_TEXT]; // a URL's password is three asterisks
    const char *text_default;
} config_setting_t;

// `index` is below CONFIG_COUNT.
void config_describe(const config_t *c, int index, config_setting_t *out);

// "<run>/<name>" into out; -1 with ERR_INVALID when it is too long for a unix socket (108 bytes).
int config_socket_path(const config_t *c, const char *name, char out[108], err_t *err) MUSTCHECK;

#endif
