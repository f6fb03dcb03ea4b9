#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "engine/docker_http.h"
#include "engine/docker_spec.h"
#include "engine/engine_impl.h"

enum { PING_TIMEOUT_MS = 5000, CELLS_MAX = 65536 };

typedef struct {
    engine_t base;
    docker_http_t *http;
    char installation[CONFIG_TEXT];
    const char *seccomp;
} docker_t;

static docker_t *of(engine_t *e)
{
    return (docker_t *)e;
}

static void cleanup_json(cJSON **json)
{
    cJSON_Delete(*json);
}

#define cleanup_json __attribute__((cleanup(cleanup_json)))

static int find_socket(const config_t *config, char out[108], err_t *err)
{
    static const char scheme[] = "unix://";
    if (!config->docker_host[0])
        return config_socket_path(config, "docker.sock", out, err);
    if (!str_starts(config->docker_host, scheme) ||
        !str_copy(out, 108, config->docker_host + strlen(scheme)))
        return err_set(err, ERR_INVALID, "docker_host must be unix:///path, below 108 bytes");
    return 0;
}

static void close_engine(engine_t *e)
{
    docker_t *d = of(e);
    docker_http_close(d->http);
    free(d);
}

static void interrupt_calls(engine_t *e)
{
    docker_http_interrupt(of(e)->http);
}

// What is asked for has been the same since DOCKER_API_MINOR, which newer engines speak no more: then it is the
// oldest version that they do.
static int agree_on_version(docker_t *d, err_t *err)
{
    static const char major[] = "1.";
    cleanup_json cJSON *version = NULL;
    docker_call_t call = {
        .method = "GET", .path = "/version", .timeout_ms = PING_TIMEOUT_MS, .unversioned = true};
    if (docker_http_call(d->http, &call, &version, err) < 0)
        return -1;
    const char *oldest =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(version, "MinAPIVersion"));
    int64_t minor;
    if (!oldest || !str_starts(oldest, major) ||
        str_int(oldest + strlen(major), DOCKER_API_MINOR, 999, &minor, NULL) < 0)
        minor = DOCKER_API_MINOR;
    docker_http_speak(d->http, (int)minor);
    return 0;
}

static int ping(engine_t *e, bool runtimes[RUNTIME_COUNT], err_t *err)
{
    cleanup_json cJSON *info = NULL;
    docker_call_t call = {.method = "GET", .path = "/info", .timeout_ms = PING_TIMEOUT_MS};
    if (agree_on_version(of(e), err) < 0 || docker_http_call(of(e)->http, &call, &info, err) < 0)
        return -1;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(info, "Runtimes");
    runtimes[RUNTIME_DOCKER] = cJSON_GetObjectItemCaseSensitive(list, "runc") != NULL;
    runtimes[RUNTIME_GVISOR] = cJSON_GetObjectItemCaseSensitive(list, "runsc") != NULL;
    return 0;
}

static int create_cell(engine_t *e, const engine_spec_t *spec, err_t *err)
{
    cleanup_buf buf_t body = BUF_INIT(DOCKER_SPEC_MAX);
    char name[ENGINE_NAME], path[160];
    if (docker_spec(&body, spec, of(e)->installation, of(e)->seccomp) < 0)
        return err_set(err, ERR_INTERNAL, "the cell's description could not be written");
    engine_name(spec->id, name);
    snprintf(path, sizeof path, "/containers/create?name=%s", name);
    docker_call_t call = {
        .method = "POST", .path = path, .body = body.data, .timeout_ms = ENGINE_TIMEOUT_MS};
    cleanup_json cJSON *answer = NULL;
    if (docker_http_call(of(e)->http, &call, &answer, err) < 0)
        return -1;
    const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(answer, "Warnings");
    if (cJSON_GetArraySize(warnings) > 0) {
        const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(warnings, 0));
        return err_set(err, ERR_INTERNAL, "the engine cannot hold a cell's limits: %.200s",
                       text ? text : "");
    }
    return 0;
}

static int inspect_pid(engine_t *e, const char *instance, pid_t *pid, err_t *err)
{
    char path[160];
    snprintf(path, sizeof path, "/containers/%s/json", instance);
    docker_call_t call = {.method = "GET", .path = path, .timeout_ms = ENGINE_TIMEOUT_MS};
    cleanup_json cJSON *answer = NULL;
    if (docker_http_call(of(e)->http, &call, &answer, err) < 0)
        return -1;
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "State");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(state, "Pid");
    if (!cJSON_IsNumber(number) || number->valuedouble < 2 || number->valuedouble > INT32_MAX)
        return err_set(err, ERR_INTERNAL, "the cell ended as it was started");
    *pid = (pid_t)number->valuedouble;
    return 0;
}

// POST or DELETE on one container, without an answer to read.
static int act(engine_t *e, const char *method, const char *instance, const char *what, err_t *err)
{
    char path[160];
    snprintf(path, sizeof path, "/containers/%s%s", instance, what);
    docker_call_t call = {.method = method, .path = path, .timeout_ms = ENGINE_TIMEOUT_MS};
    return docker_http_call(of(e)->http, &call, NULL, err);
}

static int start_cell(engine_t *e, const char *instance, pid_t *pid, err_t *err)
{
    if (act(e, "POST", instance, "/start", err) < 0)
        return -1;
    return inspect_pid(e, instance, pid, err);
}

static int remove_cell(engine_t *e, const char *instance, err_t *err)
{
    err_t why = {0};
    // ERR_STALE: a removal is under way; asking again later finds it done.
    if (act(e, "DELETE", instance, "?force=1&v=1", &why) >= 0 || why.code == ERR_NOT_FOUND)
        return 0;
    if (err)
        *err = why;
    return -1;
}

// Text of a label, or NULL.
static const char *label(const cJSON *container, const char *name)
{
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(container, "Labels");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(labels, name));
}

// Fills one cell from an element of the list; false for what does not look like one of ours.
static bool read_cell(const cJSON *container, engine_cell_t *out)
{
    const char *id = label(container, DOCKER_LABEL_CELL);
    const char *language = label(container, DOCKER_LABEL_LANGUAGE);
    const char *runtime = label(container, DOCKER_LABEL_RUNTIME);
    const char *instance = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(container, "Id"));
    if (!id || !id_valid(id) || !language || language_parse(language) < 0 || !runtime ||
        runtime_parse(runtime) < 0 || !instance)
        return false;
    out->language = (language_t)language_parse(language);
    out->runtime = (runtime_t)runtime_parse(runtime);
    return str_copy(out->cell, sizeof out->cell, id) &&
           str_copy(out->instance, sizeof out->instance, instance);
}

static int list_path(const docker_t *d, buf_t *path)
{
    cleanup_json cJSON *filters = cJSON_CreateObject();
    cleanup_buf buf_t text = BUF_INIT(1024);
    buf_addf(&text, DOCKER_LABEL_INSTALLATION "=%s", d->installation);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(filters, "label"),
                         cJSON_CreateString(buf_str(&text)));
    cleanup_free char *json = cJSON_PrintUnformatted(filters);
    buf_adds(path, "/containers/json?all=1&filters=");
    for (const char *p = json; p && *p; p++)
        buf_addf(path, "%%%02X", (unsigned char)*p);
    return json && !buf_failed(path) ? 0 : -1;
}

static int list_cells(engine_t *e, engine_cell_t **cells, int *count, err_t *err)
{
    cleanup_buf buf_t path = BUF_INIT(1000);
    if (list_path(of(e), &path) < 0)
        return err_set(err, ERR_INTERNAL, "run: the path is too long");
    docker_call_t call = {.method = "GET", .path = path.data, .timeout_ms = ENGINE_TIMEOUT_MS};
    cleanup_json cJSON *answer = NULL;
    if (docker_http_call(of(e)->http, &call, &answer, err) < 0)
        return -1;
    int size = cJSON_GetArraySize(answer);
    if (!cJSON_IsArray(answer) || size > CELLS_MAX)
        return err_set(err, ERR_INTERNAL, "the engine's list of cells is none");
    engine_cell_t *list = calloc((size_t)size + 1, sizeof *list);
    if (!list)
        return err_set(err, ERR_INTERNAL, "out of memory");
    int found = 0;
    const cJSON *container;
    cJSON_ArrayForEach (container, answer)
        found += read_cell(container, &list[found]);
    *cells = list;
    *count = found;
    return 0;
}

int docker_open(const config_t *config, const char *seccomp_json, engine_t **out, err_t *err)
{
    static const engine_ops_t ops = {.ping = ping,
                                     .create = create_cell,
                                     .start = start_cell,
                                     .remove = remove_cell,
                                     .list = list_cells,
                                     .interrupt = interrupt_calls,
                                     .close = close_engine};
    char socket[108];
    if (find_socket(config, socket, err) < 0)
        return -1;
    docker_t *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(err, ERR_INTERNAL, "out of memory");
    d->base.ops = &ops;
    d->seccomp = seccomp_json;
    str_copy(d->installation, sizeof d->installation, config->run);
    if (docker_http_open(socket, &d->http, err) < 0) {
        free(d);
        return -1;
    }
    *out = &d->base;
    return 0;
}
