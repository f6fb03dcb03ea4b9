// cloche-worker: answers the API and the routes of functions over FastCGI, on a listening socket that
// spawn-fcgi made its standard input.
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/manager.h"
#include "base/str.h"
#include "core/config.h"
#include "core/crypto.h"
#include "http/gateway.h"
#include "service/retention.h"
#include "worker/documents.h"

enum {
    LISTEN_FD = 0,
    // Most of it stays untouched and takes no memory.
    STACK_BYTES = 512 * 1024,
    // Each heap arena keeps its own spare memory: with one per thread, idle workers would hold far more
    // than they use.
    ARENAS = 2,
    TRIM_BYTES = 256 * 1024,
};

typedef struct {
    bool fn_pool;
    const char *examples, *openapi; // paths, NULL: not given
    int64_t parent;                 // its process, 0: not given
} options_t;

static void print_help(FILE *out)
{
    fputs(
        "Usage: cloche-worker --pool api|fn [--examples DIR] [--openapi FILE] [--parent PID]\n"
        "\n"
        "Answers HTTP requests of the web server over FastCGI. Standard input is the listening\n"
        "socket; spawn-fcgi or systemd makes it. SIGTERM and SIGUSR1: finish what runs, then\n"
        "exit.\n"
        "\n"
        "  --pool api|fn    api: threads_api threads; fn: threads_fn threads, for calls that run\n"
        "                   functions\n"
        "  --examples DIR   what GET /api/examples lists\n"
        "  --openapi FILE   what GET /api/openapi.json answers\n"
        "  --parent PID     what started it: without that process it ends\n"
        "  --help           this text\n"
        "\n"
        "Settings, from $CLOCHE_HOME/cloche.conf and the environment (CLOCHE_ and the name in\n"
        "capitals):\n"
        "\n",
        out);
    config_help(out);
}

// 1: run, 0: help was asked for, -1: wrong options.
static int read_options(int argc, char **argv, options_t *o)
{
    static const struct option known[] = {
        {"pool", required_argument, NULL, 'p'},    {"examples", required_argument, NULL, 'e'},
        {"openapi", required_argument, NULL, 'o'}, {"parent", required_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    bool pool = false;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'p':
            o->fn_pool = str_eq(optarg, "fn");
            if (!o->fn_pool && !str_eq(optarg, "api"))
                return -1;
            pool = true;
            break;
        case 'e':
            o->examples = optarg;
            break;
        case 'o':
            o->openapi = optarg;
            break;
        case 'P':
            if (str_int(optarg, 1, INT_MAX, &o->parent, NULL) < 0)
                return -1;
            break;
        case 'h':
            print_help(stdout);
            return 0;
        default:
            return -1;
        }
    }
    return pool && optind == argc ? 1 : -1;
}

// ---- what the process is made of

typedef struct {
    config_t config;
    api_t api;
    db_pool_t *records; // for the journal alone: calls that want the database must not hold it up
    passwords_t *passwords;
    retention_t *retention; // in the API's pool only
    char *examples, *openapi;
} worker_t;

static void *thread_begin(void *ctx)
{
    const worker_t *w = ctx;
    return invoker_thread_new(w->api.invoker);
}

static void thread_end(void *state)
{
    invoker_thread_free(state);
}

static void handle(void *ctx, void *state, request_t *request, const err_t *malformed,
                   response_t *response)
{
    const worker_t *w = ctx;
    api_handle(&w->api, state, request, malformed, response);
}

static journal_limits_t journal_limits(const config_t *config)
{
    bool on = !str_eq(config->recording, "off");
    return JOURNAL_LIMITS(on ? config->journal_mb : 0);
}

static int open_parts(worker_t *w, const options_t *o, err_t *err)
{
    api_t *api = &w->api;
    db_url_t url;
    api->config = &w->config;
    if (db_url_config(&w->config, &url, err) < 0 ||
        db_pool_open(&url, DB_LIMITS((int)w->config.db_connections), &api->pool, err) < 0 ||
        db_pool_open(&url, DB_LIMITS(1), &w->records, err) < 0 ||
        journal_open(w->config.home, journal_limits(&w->config), w->records, &api->journal, err) <
            0 ||
        route_cache_open(api->pool, w->config.cache_ms, &api->routes, err) < 0 ||
        invoker_open(&w->config, &api->invoker, err) < 0 ||
        // Half of the threads, at most, wait to hash a password.
        passwords_open((int)w->config.password_hashes, (int)w->config.threads_api / 2,
                       &w->passwords, err) < 0)
        return -1;
    api->accounts = (accounts_t){
        .pool = api->pool,
        .config = &w->config,
        .passwords = w->passwords,
    };
    if (!o->fn_pool && retention_open(&w->config, &w->retention, err) < 0)
        return -1;
    api->functions = (functions_t){.pool = api->pool, .config = &w->config};
    if (o->examples && documents_examples(o->examples, &w->examples, err) < 0)
        return -1;
    if (o->openapi && documents_file(o->openapi, &w->openapi, err) < 0)
        return -1;
    api->examples = w->examples;
    api->openapi = w->openapi;
    return 0;
}

static void close_parts(worker_t *w)
{
    retention_close(w->retention);
    if (w->api.journal)
        journal_close(w->api.journal);
    if (w->api.invoker)
        invoker_close(w->api.invoker);
    route_cache_close(w->api.routes);
    passwords_close(w->passwords);
    db_pool_close(w->records);
    db_pool_close(w->api.pool);
    free(w->examples);
    free(w->openapi);
}

static int serve(worker_t *w, const options_t *o, err_t *err)
{
    const gateway_t gateway = {
        .listen_fd = LISTEN_FD,
        .threads = (int)(o->fn_pool ? w->config.threads_fn : w->config.threads_api),
        .stack_bytes = STACK_BYTES,
        .thread_begin = thread_begin,
        .thread_end = thread_end,
        .handle = handle,
        .ctx = w,
    };
    return gateway_run(&gateway, err);
}

static log_level_t log_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (str_eq(names[i], name))
            return (log_level_t)i;
    return LOG_INFO;
}

static int run(const options_t *o, err_t *err)
{
    worker_t w = {0};
    if (gateway_prepare((pid_t)o->parent, err) < 0 || config_load(&w.config, err) < 0 ||
        crypto_init(err) < 0)
        return -1;
    log_init(o->fn_pool ? "worker-fn" : "worker-api", log_level(w.config.log_level));
    int result = open_parts(&w, o, err);
    if (result == 0)
        result = manager_tell(MANAGER_READY, err);
    if (result == 0) {
        log_info("worker serves", "pool", o->fn_pool ? "fn" : "api", NULL);
        result = serve(&w, o, err);
    }
    close_parts(&w);
    return result;
}

int main(int argc, char **argv)
{
    options_t options = {0};
    int asked = read_options(argc, argv, &options);
    if (asked < 0)
        print_help(stderr);
    if (asked <= 0)
        return asked < 0 ? 2 : 0;
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    err_t err = {0};
    if (run(&options, &err) < 0) {
        log_fail(LOG_ERROR, "worker cannot run", &err, NULL);
        return 1;
    }
    log_info("worker stops", NULL);
    return 0;
}
