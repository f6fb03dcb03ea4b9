#include "service/call_log.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/frame.h"
#include "core/json.h"
#include "service/log_level.h"

enum {
    LINE_PIECE = 16 * 1024, // a longer line becomes several
    LINES_MAX = 10000,      // each costs some sixty bytes of JSON, an empty one too
    JSON_MAX = 6 * (FRAME_LOG_MAX + LINE_PIECE) + LINES_MAX * 80,
};

static const char *const stream_names[STREAM_COUNT] = {"stdout", "stderr"};

void call_log_init(call_log_t *log, int64_t zero_ns, call_log_line_fn *on_line, void *ctx)
{
    *log = (call_log_t){
        .zero_ns = zero_ns, .on_line = on_line, .ctx = ctx, .json = BUF_INIT(JSON_MAX)};
    for (int i = 0; i < STREAM_COUNT; i++)
        log->partial[i] = BUF_INIT(LINE_PIECE);
}

void call_log_free(call_log_t *log)
{
    buf_free(&log->json);
    for (int i = 0; i < STREAM_COUNT; i++)
        buf_free(&log->partial[i]);
}

void call_log_line_json(buf_t *out, const call_log_line_t *line)
{
    json_add_text(out, "stream", line->stream);
    json_add_ms(out, "t_ms", line->t_us);
    json_add_text(out, "level", line->level);
    json_add_textn(out, "text", line->text, line->len);
}

static void emit(call_log_t *log, const char *stream, log_level_t level, const char *text,
                 size_t len)
{
    const call_log_line_t line = {.stream = stream,
                                  .level = log_level_name(level),
                                  .t_us = (clock_mono_ns() - log->zero_ns) / 1000,
                                  .text = text,
                                  .len = len};
    if (!log->json.len)
        json_begin(&log->json, NULL, '[');
    json_begin(&log->json, NULL, '{');
    call_log_line_json(&log->json, &line);
    json_end(&log->json, '}');
    if (log->on_line)
        log->on_line(log->ctx, &line);
}

static void emit_printed(call_log_t *log, stream_t stream, const char *text, size_t len)
{
    if (log->lines == LINES_MAX) {
        log->truncated = true;
        return;
    }
    log->lines++;
    log_level_t usual = stream == STREAM_STDERR ? LOG_ERROR : LOG_INFO;
    emit(log, stream_names[stream], log_level_of(text, len, usual), text, len);
}

// Emits the unfinished line, or as much of it as ends in a whole character.
static void emit_partial(call_log_t *log, stream_t stream, bool whole)
{
    buf_t *partial = &log->partial[stream];
    size_t len = whole ? partial->len : str_utf8_cut(buf_str(partial), partial->len);
    emit_printed(log, stream, buf_str(partial), len);
    buf_drop(partial, len);
}

void call_log_add(call_log_t *log, stream_t stream, const char *data, size_t len)
{
    size_t left = FRAME_LOG_MAX - log->bytes;
    if (len > left) {
        log->truncated = true;
        len = left;
    }
    log->bytes += len;
    buf_t *partial = &log->partial[stream];
    while (len) {
        const char *newline = memchr(data, '\n', len);
        size_t piece = newline ? (size_t)(newline - data) : len;
        size_t room = LINE_PIECE - partial->len;
        if (piece > room) {
            buf_add(partial, data, room);
            emit_partial(log, stream, false);
            data += room;
            len -= room;
            continue;
        }
        buf_add(partial, data, piece);
        data += piece;
        len -= piece;
        if (newline) {
            emit_partial(log, stream, true);
            data++;
            len--;
        }
    }
}

static void emit_unended(call_log_t *log)
{
    for (int i = 0; i < STREAM_COUNT; i++)
        if (log->partial[i].len)
            emit_partial(log, (stream_t)i, true);
}

void call_log_failure(call_log_t *log, const char *type, const char *message)
{
    cleanup_buf buf_t text = BUF_INIT(LINE_PIECE);
    size_t room = LINE_PIECE - strlen(type) - strlen(": "), len = strlen(message);
    buf_addf(&text, "%s: ", type);
    buf_add(&text, message, len > room ? str_utf8_cut(message, room) : len);
    emit_unended(log);
    emit(log, "system", LOG_ERROR, buf_str(&text), text.len);
}

char *call_log_take(call_log_t *log, size_t *len)
{
    emit_unended(log);
    if (!log->json.len) {
        *len = 0;
        return NULL;
    }
    json_end(&log->json, ']');
    *len = log->json.len;
    return buf_take(&log->json);
}
