#include "http/header.h"

#include <string.h>

#include "base/str.h"

// tchar of RFC 9110, section 5.6.2, one bit for each of the first 128 characters.
static bool is_token_char(unsigned char c)
{
    static const uint32_t allowed[4] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
    return c < 128 && allowed[c / 32] >> (c % 32) & 1;
}

bool header_name_ok(const char *name)
{
    const char *p = name;
    while (is_token_char((unsigned char)*p))
        p++;
    return p > name && !*p;
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
