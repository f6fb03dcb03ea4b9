#include "service/log_level.h"

#include "base/str.h"
#include "core/json.h"

static const struct {
    const char *word;
    log_level_t level;
} WORDS[] = {
    {"trace", LOG_DEBUG},  {"verbose", LOG_DEBUG}, {"debug", LOG_DEBUG},
    {"info", LOG_INFO},    {"notice", LOG_INFO},   {"information", LOG_INFO},
    {"warn", LOG_WARN},    {"warning", LOG_WARN},  {"error", LOG_ERROR},
    {"err", LOG_ERROR},    {"fatal", LOG_ERROR},   {"critical", LOG_ERROR},
    {"alert", LOG_ERROR},  {"panic", LOG_ERROR},   {"emergency", LOG_ERROR},
    {"severe", LOG_ERROR}, {"crit", LOG_ERROR},    {"emerg", LOG_ERROR},
};

const char *log_level_name(log_level_t level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static log_level_t of_word(const char *word, log_level_t otherwise)
{
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (str_ieq(WORDS[i].word, word))
            return WORDS[i].level;
    return otherwise;
}

// 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
static log_level_t of_number(double number, log_level_t otherwise)
{
    if (number < 10 || number > 60)
        return otherwise;
    return number < 30 ? LOG_DEBUG : number < 40 ? LOG_INFO : number < 50 ? LOG_WARN : LOG_ERROR;
}

log_level_t log_level_of(const char *text, size_t len, log_level_t otherwise)
{
    while (len && (text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    if (len < 2 || text[0] != '{' || text[len - 1] != '}')
        return otherwise;
    cleanup_json cJSON *line = json_parse(text, len, NULL);
    const cJSON *level = cJSON_GetObjectItemCaseSensitive(line, "level");
    if (!level)
        level = cJSON_GetObjectItemCaseSensitive(line, "severity");
    if (cJSON_IsString(level))
        return of_word(level->valuestring, otherwise);
    return cJSON_IsNumber(level) ? of_number(level->valuedouble, otherwise) : otherwise;
}
