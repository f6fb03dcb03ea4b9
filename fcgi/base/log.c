#include "base/log.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

enum {
    LINE_MAX_BYTES = PIPE_BUF, // what the kernel writes to the supervisor's pipe in one piece
    MSG_KEPT = 512, // of the message of a line that is too long; escaped up to six times that
};

static const char *program_name = "cloche";
static log_level_t lowest_level = LOG_INFO;
static _Thread_local char request[40];

void log_init(const char *program, log_level_t lowest)
{
    program_name = program;
    lowest_level = lowest;
}

void log_request(const char *request_id)
{
    str_copy(request, sizeof request, request_id);
}

// Appends text as a JSON string. What is not UTF-8 or a control character becomes \u00XX.
static void add_quoted(buf_t *line, const char *text, size_t len)
{
    bool utf8 = str_utf8(text, len);
    const unsigned char *end = (const unsigned char *)text + len;
    buf_addc(line, '"');
    for (const unsigned char *p = (const unsigned char *)text; p < end; p++) {
        if (*p == '"' || *p == '\\')
            buf_addf(line, "\\%c", *p);
        else if (*p < 0x20 || (*p >= 0x80 && !utf8))
            buf_addf(line, "\\u%04x", *p);
        else
            buf_addc(line, (char)*p);
    }
    buf_addc(line, '"');
}

static void add_pair(buf_t *line, const char *key, const char *value)
{
    buf_addf(line, ",\"%s\":", key);
    add_quoted(line, value ? value : "", value ? strlen(value) : 0);
}

static void begin_line(buf_t *line, log_level_t level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char now[CLOCK_TEXT];
    clock_format(clock_wall_us(), now);
    buf_addf(line, "{\"t\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"", now, names[level],
             program_name);
    if (request[0])
        add_pair(line, "request", request);
}

// What is left of a line that is too long to be useful whole: what it was about.
static void shorten(buf_t *line, log_level_t level, const char *msg)
{
    buf_reset(line);
    begin_line(line, level);
    size_t len = strlen(msg);
    buf_adds(line, ",\"msg\":");
    add_quoted(line, msg, len > MSG_KEPT ? str_utf8_cut(msg, MSG_KEPT) : len);
    add_pair(line, "note", "details too long");
    buf_adds(line, "}\n");
}

void log_line(log_level_t level, const char *msg, const err_t *err, ...)
{
    if (level < lowest_level)
        return;
    cleanup_buf buf_t line = BUF_INIT(LINE_MAX_BYTES);
    begin_line(&line, level);
    add_pair(&line, "msg", msg);
    va_list ap;
    va_start(ap, err);
    for (const char *key; (key = va_arg(ap, const char *)) != NULL;)
        add_pair(&line, key, va_arg(ap, const char *));
    va_end(ap);
    if (err) {
        add_pair(&line, "code", err_code_name(err->code));
        add_pair(&line, "error", err->msg);
    }
    buf_adds(&line, "}\n");
    if (buf_failed(&line))
        shorten(&line, level, msg);
    // A full or closed log must not stop the program; there is nowhere to say so.
    ssize_t n = write(STDERR_FILENO, line.data, line.len);
    (void)n;
}
