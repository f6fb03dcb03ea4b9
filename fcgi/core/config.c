#include "core/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"

typedef struct {
    const char *name;
    char kind; // 'T', 'E', 'I'
    size_t offset;
    const char *text_default; // T, E
    int64_t int_default;      // I
    int64_t min, max;
    const char *unit; // I: unit; E: the words allowed
    const char *help;
} setting_t;

#define ROW_T(name, fallback, min, max, unit, help) \
    {#name, 'T', offsetof(config_t, name), fallback, 0, 0, 0, unit, help},
#define ROW_E(name, fallback, min, max, unit, help) \
    {#name, 'E', offsetof(config_t, name), fallback, 0, 0, 0, unit, help},
#define ROW_I(name, fallback, min, max, unit, help) \
    {#name, 'I', offsetof(config_t, name), NULL, fallback, min, max, unit, help},

static const setting_t settings[] = {
#define X(kind, name, fallback, min, max, unit, help) \
    ROW_##kind(name, fallback, min, max, unit, help)
    CONFIG_SETTINGS(X)
#undef X
};

static const setting_t *find(const char *name)
{
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (str_eq(settings[i].name, name))
            return &settings[i];
    return NULL;
}

// Whether `word` is one of the words in "a|b|c".
static bool one_of(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = words; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strcspn(p, "|") == len && strncmp(p, word, len) == 0)
            return true;
    return false;
}

static int assign(config_t *c, const setting_t *s, config_source_t source, const char *value,
                  err_t *err)
{
    char *at = (char *)c + s->offset;
    c->sources[s - settings] = source;
    if (s->kind == 'I') {
        int64_t number;
        if (str_int(value, s->min, s->max, &number, err) < 0)
            return -1;
        memcpy(at, &number, sizeof number);
        return 0;
    }
    if (s->kind == 'E' && !str_eq(value, s->text_default) && !one_of(s->unit, value))
        return err_set(err, ERR_INVALID, "must be one of %s", s->unit);
    if (!str_copy(at, CONFIG_TEXT, value))
        return err_set(err, ERR_INVALID, "must be shorter than %d bytes", CONFIG_TEXT);
    return 0;
}

static void set_defaults(config_t *c)
{
    *c = (config_t){0};
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char *at = (char *)c + settings[i].offset;
        if (settings[i].kind == 'I')
            memcpy(at, &settings[i].int_default, sizeof(int64_t));
        else
            str_copy(at, CONFIG_TEXT, settings[i].text_default);
    }
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int read_line(config_t *c, char *line, err_t *err)
{
    line[strcspn(line, "#\n")] = '\0';
    char *text = trim(line);
    if (!*text)
        return 0;
    char *equals = strchr(text, '=');
    if (!equals)
        return err_set(err, ERR_INVALID, "expected `name = value`");
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    const setting_t *s = find(name);
    if (!s)
        return err_set(err, ERR_INVALID, "unknown setting %.60s", name);
    if (assign(c, s, CONFIG_FILE, value, err) < 0)
        return err_wrap(err, "%s", name);
    return 0;
}

static int read_file(config_t *c, err_t *err)
{
    char path[CONFIG_TEXT + 16];
    snprintf(path, sizeof path, "%s/cloche.conf", c->home);
    cleanup_fclose FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read %s", path);
    cleanup_free char *line = NULL;
    size_t size = 0;
    for (int number = 1; getline(&line, &size, f) >= 0; number++)
        if (read_line(c, line, err) < 0)
            return err_wrap(err, "%s line %d", path, number);
    return ferror(f) ? err_errno(err, "cannot read %s", path) : 0;
}

static int read_environment(config_t *c, err_t *err)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char name[64] = "CLOCHE_";
        size_t len = strlen(name);
        for (const char *p = settings[i].name; *p && len < sizeof name - 1; p++)
            name[len++] = (char)toupper((unsigned char)*p);
        name[len] = '\0';
        const char *value = getenv(name);
        if (value && *value && assign(c, &settings[i], CONFIG_ENVIRONMENT, value, err) < 0)
            return err_wrap(err, "%s", name);
    }
    return 0;
}

static bool is_loopback(const char *listen)
{
    return str_starts(listen, "127.") || str_starts(listen, "localhost:") ||
           str_starts(listen, "[::1]:");
}

static int check_home(const config_t *c, err_t *err)
{
    struct stat st;
    if (stat(c->home, &st) < 0)
        return err_errno(err, "home: %s", c->home);
    return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_INVALID, "home: %s is no directory", c->home);
}

static int too_long(err_t *err)
{
    return err_set(err, ERR_INVALID, "listen is too long");
}

// What browsers call this place; https has a port of its own, and leaves out the usual one.
static int derive_public_url(config_t *c, err_t *err)
{
    bool tls = c->tls_certificate[0];
    const char *address = tls ? c->tls_listen : c->listen;
    const char *port = strrchr(address, ':');
    int len = (int)strlen(address);
    if (tls && port && str_eq(port, ":443"))
        len -= (int)strlen(port);
    c->sources[CONFIG_INDEX_public_url] = CONFIG_DERIVED;
    int n = snprintf(c->public_url, sizeof c->public_url, "%s://%.*s", tls ? "https" : "http", len,
                     address);
    return n < (int)sizeof c->public_url ? 0 : too_long(err);
}

static int derive_tls_listen(config_t *c, err_t *err)
{
    const char *port = strrchr(c->listen, ':');
    int len = port ? (int)(port - c->listen) : 0;
    c->sources[CONFIG_INDEX_tls_listen] = CONFIG_DERIVED;
    int n = snprintf(c->tls_listen, sizeof c->tls_listen, "%.*s:8443", len, c->listen);
    return n < (int)sizeof c->tls_listen ? 0 : too_long(err);
}

static int derive(config_t *c, err_t *err)
{
    bool tls = c->tls_certificate[0];
    if (tls && !c->tls_listen[0] && derive_tls_listen(c, err) < 0)
        return -1;
    if (!c->public_url[0] && derive_public_url(c, err) < 0)
        return -1;
    if (!c->registration[0]) {
        bool closed = !is_loopback(c->listen) || (tls && !is_loopback(c->tls_listen));
        c->sources[CONFIG_INDEX_registration] = CONFIG_DERIVED;
        str_copy(c->registration, sizeof c->registration, closed ? "closed" : "open");
    }
    return 0;
}

int config_load(config_t *c, err_t *err)
{
    set_defaults(c);
    const char *home = getenv("CLOCHE_HOME");
    if (home && *home && !str_copy(c->home, sizeof c->home, home))
        return err_set(err, ERR_INVALID, "CLOCHE_HOME must be shorter than %d bytes", CONFIG_TEXT);
    if (read_file(c, err) < 0 || read_environment(c, err) < 0 || check_home(c, err) < 0)
        return -1;
    return derive(c, err);
}

static void mask_password(char *text)
{
    char *at = strrchr(text, '@'), *scheme = strstr(text, "://");
    char *colon = at && scheme ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;
    if (!colon)
        return;
    char shown[CONFIG_TEXT];
    snprintf(shown, sizeof shown, "%.*s:***%s", (int)(colon - text), text, at);
    str_copy(text, CONFIG_TEXT, shown);
}

void config_describe(const config_t *c, int index, config_setting_t *out)
{
    static const char *const sources[] = {"default", "derived", "file", "environment"};
    const setting_t *s = &settings[index];
    const char *at = (const char *)c + s->offset;
    *out = (config_setting_t){
        .name = s->name,
        .help = s->help,
        .unit = s->kind == 'I' ? s->unit : "",
        .words = s->kind == 'E' ? s->unit : "",
        .source = sources[c->sources[index]],
        .is_number = s->kind == 'I',
        .number_default = s->int_default,
        .min = s->min,
        .max = s->max,
        .text_default = s->text_default,
    };
    if (out->is_number) {
        memcpy(&out->number, at, sizeof out->number);
        return;
    }
    str_copy(out->text, sizeof out->text, at);
    mask_password(out->text);
}

void config_help(FILE *out)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const setting_t *s = &settings[i];
        fprintf(out, "  %-18s %s", s->name, s->help);
        if (s->kind == 'I')
            fprintf(out, " [%s, %lld to %lld, default %lld]", s->unit, (long long)s->min,
                    (long long)s->max, (long long)s->int_default);
        else if (s->kind == 'E')
            fprintf(out, " [%s%s%s]", s->unit, s->text_default[0] ? ", default " : "",
                    s->text_default);
        else if (s->text_default[0])
            fprintf(out, " [default %s]", s->text_default);
        fputc('\n', out);
    }
}

int config_socket_path(const config_t *c, const char *name, char out[108], err_t *err)
{
    if (snprintf(out, 108, "%s/%s", c->run, name) >= 108)
        return err_set(err, ERR_INVALID,
                       "run: %s/%s is too long for a unix socket (107 bytes at most)", c->run,
                       name);
    return 0;
}
