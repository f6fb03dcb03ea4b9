// Small rules about header fields.
#ifndef CLOCHE_HTTP_HEADER_H
#define CLOCHE_HTTP_HEADER_H

#include <stdbool.h>

// Whether text may be a field's name (also a method's): a token of RFC 9110.
bool header_name_ok(const char *name);
// Whether text may be a field's value: no control characters but the tab.
bool header_value_ok(const char *value);

// Whether the media type of a Content-Type value is `type` ("application/json"), parameters aside.
bool media_type_is(const char *content_type, const char *type);
// application/json or one of its kin (application/problem+json).
bool media_type_is_json(const char *content_type);
// Text that can be shown as such: text/*, XML, JavaScript, JSON.
bool media_type_is_text(const char *content_type);

// Whether an Accept value names the media type itself; wildcards do not count.
bool accept_names(const char *accept, const char *type);

#endif
