#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "db/db.h"

enum { DEFAULT_PORT = 3306 };

static int unusable(err_t *err)
{
    return err_set(err, ERR_INVALID,
                   "db_url must be like mysql://user:pass@host:port/db or "
                   "mysql://user@/db?socket=/path");
}

// Copies [from, to), percent-decoded; false when it does not fit or has a bad escape or a NUL.
static bool decode(const char *from, const char *to, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = from; p < to; p++) {
        char c = *p;
        if (c == '%') {
            int high = to - p > 2 ? str_hex(p[1]) : -1;
            int low = high >= 0 ? str_hex(p[2]) : -1;
            c = low >= 0 ? (char)(high << 4 | low) : '\0';
            p += 2;
        }
        if (!c || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool parse_user(const char *from, const char *to, db_url_t *out)
{
    const char *colon = memchr(from, ':', (size_t)(to - from));
    const char *user_end = colon ? colon : to;
    return decode(from, user_end, out->user, sizeof out->user) && out->user[0] &&
           (!colon || decode(colon + 1, to, out->password, sizeof out->password));
}

static bool parse_host(const char *from, const char *to, db_url_t *out)
{
    const char *end = to;
    if (from < to && *from == '[') { // IPv6
        end = memchr(from, ']', (size_t)(to - from));
        if (!end || !decode(from + 1, end, out->host, sizeof out->host))
            return false;
        end++;
    } else {
        const char *colon = memchr(from, ':', (size_t)(to - from));
        end = colon ? colon : to;
        if (!decode(from, end, out->host, sizeof out->host))
            return false;
    }
    out->port = DEFAULT_PORT;
    if (end == to)
        return true;
    char digits[8];
    int64_t port;
    if (*end != ':' || !decode(end + 1, to, digits, sizeof digits) ||
        str_int(digits, 1, 65535, &port, NULL) < 0)
        return false;
    out->port = (unsigned)port;
    return true;
}

int db_url_parse(const char *text, db_url_t *out, err_t *err)
{
    static const char scheme[] = "mysql://", socket_key[] = "?socket=";
    *out = (db_url_t){0};
    if (!str_starts(text, scheme))
        return unusable(err);
    const char *user = text + strlen(scheme);
    const char *slash = strchr(user, '/');
    if (!slash)
        return unusable(err);
    const char *at = memrchr(user, '@', (size_t)(slash - user));
    if (!at || !parse_user(user, at, out) || !parse_host(at + 1, slash, out))
        return unusable(err);
    const char *name_end = slash + strcspn(slash, "?");
    if (!decode(slash + 1, name_end, out->name, sizeof out->name) || !out->name[0])
        return unusable(err);
    if (*name_end) {
        const char *path = name_end + strlen(socket_key);
        if (!str_starts(name_end, socket_key) ||
            !decode(path, path + strlen(path), out->socket, sizeof out->socket))
            return unusable(err);
    }
    if ((out->socket[0] != '\0') == (out->host[0] != '\0'))
        return unusable(err);
    return 0;
}

int db_url_config(const config_t *config, db_url_t *out, err_t *err)
{
    if (config->db_url[0])
        return db_url_parse(config->db_url, out, err);
    *out = (db_url_t){.user = "cloche", .name = "cloche"};
    char path[108];
    if (config_socket_path(config, "mysql/mysqld.sock", path, err) < 0)
        return -1;
    str_copy(out->socket, sizeof out->socket, path);
    return 0;
}
