#include "engine/docker_http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

// Connections are kept for as many threads as usually call.
enum { ANSWER_MAX = 4 * 1024 * 1024, CONNECT_MS = 2000, KEPT = 8, URL_MAX_BYTES = 1024 };

struct docker_http {
    char socket[108];
    pthread_mutex_t lock;
    CURL *kept[KEPT]; // handles nobody uses now, with their connections
    int count;
    atomic_bool interrupted;
    atomic_int minor; // of the API's version 1.minor
};

int docker_http_open(const char *socket, docker_http_t **out, err_t *err)
{
    // No TLS: leaving it out saves memory.
    if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
        return err_set(err, ERR_INTERNAL, "cannot initialise libcurl");
    docker_http_t *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (!str_copy(h->socket, sizeof h->socket, socket)) {
        free(h);
        return err_set(err, ERR_INVALID, "socket path too long: %s", socket);
    }
    pthread_mutex_init(&h->lock, NULL);
    h->minor = DOCKER_API_MINOR;
    *out = h;
    return 0;
}

void docker_http_close(docker_http_t *h)
{
    if (!h)
        return;
    while (h->count)
        curl_easy_cleanup(h->kept[--h->count]);
    pthread_mutex_destroy(&h->lock);
    free(h);
    curl_global_cleanup();
}

void docker_http_speak(docker_http_t *h, int minor)
{
    h->minor = minor;
}

void docker_http_interrupt(docker_http_t *h)
{
    h->interrupted = true;
}

static CURL *take_handle(docker_http_t *h)
{
    pthread_mutex_lock(&h->lock);
    CURL *curl = h->count ? h->kept[--h->count] : NULL;
    pthread_mutex_unlock(&h->lock);
    return curl ? curl : curl_easy_init();
}

static void give_back(docker_http_t *h, CURL *curl)
{
    curl_easy_reset(curl); // keeps the connection
    pthread_mutex_lock(&h->lock);
    if (h->count < KEPT) {
        h->kept[h->count++] = curl;
        curl = NULL;
    }
    pthread_mutex_unlock(&h->lock);
    if (curl)
        curl_easy_cleanup(curl);
}

static size_t on_data(char *data, size_t size, size_t n, void *context)
{
    return buf_add(context, data, size * n) == 0 ? size * n : 0;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const docker_http_t *h = context;
    return h->interrupted;
}

static CURLcode perform(docker_http_t *h, CURL *curl, const docker_call_t *call, buf_t *body,
                        long *status)
{
    char url[URL_MAX_BYTES], version[16] = "";
    if (!call->unversioned)
        snprintf(version, sizeof version, "/v1.%d", h->minor);
    if (snprintf(url, sizeof url, "http://docker%s%s", version, call->path) >= (int)sizeof url)
        return CURLE_URL_MALFORMAT;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    // Without this curl waits for a "100 Continue" before it sends a long body.
    struct curl_slist *more = curl_slist_append(headers, "Expect:");
    if (!headers || !more) {
        curl_slist_free_all(headers);
        return CURLE_OUT_OF_MEMORY;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, h->socket);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 16384L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (call->body || strcmp(call->method, "POST") == 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, h);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    return code;
}

static int transfer_error(CURLcode code, const docker_call_t *call, const buf_t *body, err_t *err)
{
    if (buf_failed(body))
        return err_set(err, ERR_INTERNAL, "the engine's answer to %s is too long", call->path);
    return err_set(err, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                   "engine: %s %s: %s", call->method, call->path, curl_easy_strerror(code));
}

static int status_error(long status, const docker_call_t *call, const cJSON *answer, err_t *err)
{
    err_code_t code = status == 404 ? ERR_NOT_FOUND : status == 409 ? ERR_STALE : ERR_INTERNAL;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "message"));
    return err_set(err, code, "engine: %s %.100s: %ld %.160s", call->method, call->path, status,
                   text ? text : "");
}

int docker_http_call(docker_http_t *h, const docker_call_t *call, cJSON **answer, err_t *err)
{
    if (answer)
        *answer = NULL;
    CURL *curl = take_handle(h);
    if (!curl)
        return err_set(err, ERR_INTERNAL, "out of memory");
    cleanup_buf buf_t body = BUF_INIT(ANSWER_MAX);
    long status = 0;
    CURLcode code = perform(h, curl, call, &body, &status);
    give_back(h, curl);
    if (code != CURLE_OK)
        return transfer_error(code, call, &body, err);
    cJSON *json = body.len ? cJSON_ParseWithLength(body.data, body.len) : NULL;
    int result = status >= 400 ? status_error(status, call, json, err) : (int)status;
    if (answer && result >= 0)
        *answer = json;
    else
        cJSON_Delete(json);
    return result;
}
