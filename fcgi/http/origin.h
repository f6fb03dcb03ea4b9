// Whether a page of our own made a request, as far as the browser tells.
#ifndef CLOCHE_HTTP_ORIGIN_H
#define CLOCHE_HTTP_ORIGIN_H

#include "http/request.h"

typedef enum {
    ORIGIN_UNKNOWN, // not told: an old browser, or none
    ORIGIN_SAME,
    ORIGIN_FOREIGN,
} origin_t;

// From Sec-Fetch-Site, which no page can forge, or, where it was not sent, from Origin: that has to be the
// origin of `public_url`, or of the scheme and host that the request itself came to.
origin_t origin_of(const request_t *request, const char *public_url);

#endif
