#include "http/header.h"

#include <string.h>

#include "base/str.h"

bool header_name_ok(const char *name)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return *name && name[strspn(name, allowed)] == '\0';
}

bool header_value_ok(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

static size_t type_length(const char *content_type)
{
    return strcspn(content_type, "; \t,");
}

bool media_type_is(const char *content_type, const char *type)
{
    return type_length(content_type) == strlen(type) && str_istarts(content_type, type);
}

static bool has_suffix(const char *content_type, const char *suffix)
{
    size_t len = type_length(content_type), tail = strlen(suffix);
    return len > tail && str_istarts(content_type + len - tail, suffix);
}

bool media_type_is_json(const char *content_type)
{
    return media_type_is(content_type, "application/json") || has_suffix(content_type, "+json");
}

bool media_type_is_text(const char *content_type)
{
    return str_istarts(content_type, "text/") || media_type_is_json(content_type) ||
           media_type_is(content_type, "application/xml") || has_suffix(content_type, "+xml") ||
           media_type_is(content_type, "application/javascript");
}

bool accept_names(const char *accept, const char *type)
{
    for (const char *p = accept; *p;) {
        p += strspn(p, " \t,");
        if (media_type_is(p, type))
            return true;
        p += strcspn(p, ",");
    }
    return false;
}
