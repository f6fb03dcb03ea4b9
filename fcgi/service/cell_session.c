#include "service/cell_session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/json.h"
#include "http/header.h"

enum {
    LOG_STEP = 32 * 1024,
    LOG_READS = 64,      // of each log stream in one step
    CONTROL_READS = 128, // in one step; a whole answer of full frames fits
    ERROR_TYPE_MAX = 200,
};

void cell_session_init(cell_session_t *s, const int fds[LEASE_FDS], call_log_t *log)
{
    *s = (cell_session_t){.log = log,
                          .out = BUF_INIT(FRAME_SEND_MAX),
                          .body = BUF_INIT(FRAME_RESPONSE_MAX),
                          .fds = {fds[0], fds[1], fds[2]}};
    frame_reader_init(&s->reader);
}

void cell_session_free(cell_session_t *s)
{
    for (int i = 0; i < LEASE_FDS; i++)
        fd_close(&s->fds[i]);
    frame_reader_free(&s->reader);
    buf_free(&s->out);
    buf_free(&s->body);
    cJSON_Delete(s->headers);
    free(s->error_type);
    free(s->error_message);
    free(s->error_stack);
}

void cell_session_poll(const cell_session_t *s, struct pollfd p[LEASE_FDS])
{
    for (int i = 0; i < LEASE_FDS; i++)
        p[i] = (struct pollfd){.fd = s->fds[i], .events = POLLIN};
    if (s->sent < s->out.len)
        p[0].events |= POLLOUT;
}

static void end(cell_session_t *s, session_end_t why)
{
    if (s->state == SESSION_ENDED)
        return;
    s->state = SESSION_ENDED;
    s->end = why;
    s->ended_ns = clock_mono_ns();
}

static void set_error(cell_session_t *s, const char *type, const char *message, const char *stack)
{
    free(s->error_type);
    free(s->error_message);
    free(s->error_stack);
    s->error_type = strdup(type);
    s->error_message = strdup(message);
    s->error_stack = stack ? strdup(stack) : NULL;
}

static void broken(cell_session_t *s, const char *what)
{
    set_error(s, "Protocol", what, NULL);
    end(s, SESSION_BROKEN);
}

void cell_session_resume(cell_session_t *s)
{
    s->state = SESSION_RUNNING;
    s->ready_ns = clock_mono_ns();
}

bool cell_session_is_clean(const cell_session_t *s)
{
    for (int i = 0; i < LEASE_FDS; i++)
        if (s->fds[i] < 0)
            return false;
    return s->state == SESSION_ENDED && s->end == SESSION_ANSWERED && s->reusable && !s->script &&
           s->sent == s->out.len && s->reader.taken == s->reader.in.len;
}

bool cell_session_is_quiet(const cell_session_t *s, int other)
{
    struct pollfd p[LEASE_FDS + 1];
    for (int i = 0; i <= LEASE_FDS; i++)
        p[i] =
            (struct pollfd){.fd = i < LEASE_FDS ? s->fds[i] : other, .events = POLLIN | POLLRDHUP};
    return poll(p, LEASE_FDS + 1, 0) == 0;
}

void cell_session_detach(cell_session_t *s, int fds[LEASE_FDS])
{
    for (int i = 0; i < LEASE_FDS; i++) {
        fds[i] = s->fds[i];
        s->fds[i] = -1;
    }
}

void cell_session_fail(cell_session_t *s, const char *type, const char *message)
{
    set_error(s, type, message, NULL);
    end(s, SESSION_FAILED);
}

static void out_of_memory(cell_session_t *s)
{
    cell_session_fail(s, "ResponseTooLarge", "there is no memory for the answer");
}

static void on_ready(cell_session_t *s, const frame_t *frame)
{
    static const json_field_t fields[] = {{.name = "script", .kind = JSON_BOOL, .required = true}};
    cleanup_json_input json_input_t in = {0};
    if (json_read(&in, frame->payload, frame->len, fields, 1, &s->script, NULL) < 0) {
        broken(s, "malformed READY");
        return;
    }
    s->state = SESSION_RUNNING;
    s->ready_ns = clock_mono_ns();
    if (s->on_ready)
        s->on_ready(s->ctx);
}

static bool is_header(const cJSON *pair, size_t *bytes)
{
    const cJSON *name = cJSON_GetArrayItem(pair, 0), *value = cJSON_GetArrayItem(pair, 1);
    if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 || !cJSON_IsString(name) ||
        !cJSON_IsString(value))
        return false;
    *bytes += strlen(name->valuestring) + strlen(value->valuestring);
    return header_name_ok(name->valuestring) && header_value_ok(value->valuestring);
}

typedef struct {
    int64_t status;
    const cJSON *headers;
    bool stream;
} head_t;

static const json_field_t head_fields[] = {
    {.name = "status",
     .kind = JSON_INT,
     .offset = offsetof(head_t, status),
     .min = 200,
     .max = 599,
     .required = true},
    {.name = "headers",
     .kind = JSON_LIST,
     .offset = offsetof(head_t, headers),
     .max = 1000,
     .bytes = 6 * FRAME_HEADERS_MAX,
     .required = true},
    {.name = "stream", .kind = JSON_BOOL, .offset = offsetof(head_t, stream)},
};

static void on_head(cell_session_t *s, const frame_t *frame)
{
    cleanup_json_input json_input_t in = {0};
    head_t head = {0};
    if (json_read(&in, frame->payload, frame->len, head_fields,
                  sizeof head_fields / sizeof head_fields[0], &head, NULL) < 0) {
        broken(s, "malformed HEAD");
        return;
    }
    size_t bytes = 0;
    const cJSON *pair;
    cJSON_ArrayForEach (pair, head.headers) {
        if (!is_header(pair, &bytes)) {
            broken(s, "malformed header in HEAD");
            return;
        }
    }
    if (bytes > FRAME_HEADERS_MAX) {
        cell_session_fail(s, "ResponseTooLarge", "the headers of the answer are over 64 KiB");
        return;
    }
    s->headers = json_take(&in, head.headers);
    s->status = (int)head.status;
    s->stream = head.stream;
    s->state = SESSION_ANSWERING;
    if (s->stream && s->on_head && s->on_head(s->ctx, s->status, s->headers) < 0)
        end(s, SESSION_REFUSED);
}

static void on_body(cell_session_t *s, const frame_t *frame)
{
    s->body_bytes += frame->len;
    if (s->body_bytes > FRAME_RESPONSE_MAX) {
        cell_session_fail(s, "ResponseTooLarge", "the answer is over 6 MiB");
    } else if (s->stream && s->on_body) {
        if (s->on_body(s->ctx, frame->payload, frame->len) < 0)
            end(s, SESSION_REFUSED);
    } else if (buf_add(&s->body, frame->payload, frame->len) < 0) {
        out_of_memory(s);
    }
}

static void on_end(cell_session_t *s, const frame_t *frame)
{
    static const json_field_t fields[] = {{.name = "reusable", .kind = JSON_BOOL, .offset = 0}};
    cleanup_json_input json_input_t in = {0};
    if (json_read(&in, frame->payload, frame->len, fields, 1, &s->reusable, NULL) < 0)
        broken(s, "malformed END");
    else
        end(s, SESSION_ANSWERED);
}

typedef struct {
    const char *type, *message, *stack;
} error_report_t;

static void on_error(cell_session_t *s, const frame_t *frame)
{
    static const json_field_t fields[] = {
        {.name = "type",
         .kind = JSON_TEXT,
         .offset = offsetof(error_report_t, type),
         .min = 1,
         .max = ERROR_TYPE_MAX,
         .required = true},
        {.name = "message",
         .kind = JSON_TEXT,
         .offset = offsetof(error_report_t, message),
         .max = 128 * 1024,
         .required = true},
        {.name = "stack",
         .kind = JSON_TEXT,
         .offset = offsetof(error_report_t, stack),
         .max = 128 * 1024,
         .nullable = true},
    };
    cleanup_json_input json_input_t in = {0};
    error_report_t error = {0};
    if (json_read(&in, frame->payload, frame->len, fields, sizeof fields / sizeof fields[0], &error,
                  NULL) < 0) {
        broken(s, "malformed ERROR");
        return;
    }
    set_error(s, error.type, error.message, error.stack);
    end(s, SESSION_FAILED);
}

// The only place where the order of frames is decided.
static void on_frame(cell_session_t *s, const frame_t *frame)
{
    session_state_t state = s->state;
    if (frame->type == FRAME_READY && state == SESSION_LOADING)
        on_ready(s, frame);
    else if (frame->type == FRAME_HEAD && state == SESSION_RUNNING)
        on_head(s, frame);
    else if (frame->type == FRAME_BODY && state == SESSION_ANSWERING)
        on_body(s, frame);
    else if (frame->type == FRAME_END && state == SESSION_ANSWERING)
        on_end(s, frame);
    else if (frame->type == FRAME_ERROR)
        on_error(s, frame);
    else
        broken(s, "a frame came out of order");
}

static void take_frames(cell_session_t *s)
{
    err_t err;
    while (s->state != SESSION_ENDED) {
        frame_t frame;
        int n = frame_next(&s->reader, &frame, &err);
        if (n < 0)
            broken(s, err.msg);
        if (n <= 0)
            return;
        on_frame(s, &frame);
    }
}

// Reads a bounded share: frames without content could go on for ever.
static void read_control(cell_session_t *s)
{
    err_t err;
    for (int i = 0; i < CONTROL_READS && s->state != SESSION_ENDED; i++) {
        int n = frame_read(&s->reader, s->fds[0], &err);
        if (n == 0)
            return;
        if (n < 0) {
            if (err.code == ERR_CLOSED)
                end(s, SESSION_CLOSED);
            else
                broken(s, err.msg);
            return;
        }
        take_frames(s);
    }
}

static void write_control(cell_session_t *s)
{
    while (s->sent < s->out.len) {
        ssize_t n = send(s->fds[0], s->out.data + s->sent, s->out.len - s->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0) {
            // What it said before it went is still to be read; the end shows there.
            s->sent = s->out.len;
            return;
        }
        s->sent += (size_t)n;
    }
    buf_free(&s->out);
    s->sent = 0;
}

// Reads a bounded share of a log stream, so that a flood cannot keep us from the answer.
static void read_log(cell_session_t *s, stream_t stream)
{
    int *fd = &s->fds[1 + stream];
    for (int i = 0; i < LOG_READS && *fd >= 0; i++) {
        char bytes[LOG_STEP];
        ssize_t n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (n <= 0) {
            fd_close(fd);
            return;
        }
        call_log_add(s->log, stream, bytes, (size_t)n);
    }
}

void cell_session_drain(cell_session_t *s)
{
    struct pollfd p[STREAM_COUNT];
    for (int i = 0; i < STREAM_COUNT; i++)
        p[i] = (struct pollfd){.fd = s->fds[1 + i], .events = POLLIN};
    if (poll(p, STREAM_COUNT, 0) <= 0)
        return;
    for (int i = 0; i < STREAM_COUNT; i++)
        if (p[i].revents)
            read_log(s, (stream_t)i);
}

// Logs first: what was printed before an answer is there when the answer is.
void cell_session_step(cell_session_t *s, const struct pollfd p[LEASE_FDS])
{
    if (s->state == SESSION_ENDED)
        return;
    if (!p || p[0].revents & POLLOUT)
        write_control(s);
    for (int i = 0; i < STREAM_COUNT; i++)
        if (!p || p[1 + i].revents)
            read_log(s, (stream_t)i);
    if (!p || p[0].revents & ~POLLOUT)
        read_control(s);
}
