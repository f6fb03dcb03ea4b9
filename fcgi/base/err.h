// Errors: what went wrong, in a code that the upper layers can act on and a sentence a person can read.
//
// Functions that can fail return 0 or a positive value on success and -1 on failure; on failure they
// fill the caller's err_t, on success they leave it untouched. An err_t owns nothing and needs no
// release. Passing NULL is allowed where the caller does not care why.
#ifndef CLOCHE_BASE_ERR_H
#define CLOCHE_BASE_ERR_H

#include <stdarg.h>

#define MUSTCHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

// Every code, and what it means. The HTTP status of each is chosen in one place, api/problem.c.
#define ERR_CODES(X)                                                                      \
    X(ERR_INTERNAL, "internal")         /* a defect or a failing system call */           \
    X(ERR_BAD_REQUEST, "bad_request")   /* not well-formed HTTP: URL, headers, form */    \
    X(ERR_INVALID, "invalid")           /* input breaks a rule */                         \
    X(ERR_INVALID_JSON, "invalid_json") /* input is not JSON at all */                    \
    X(ERR_UNAUTHORIZED, "unauthorized") /* no login, or a wrong one */                    \
    X(ERR_FORBIDDEN, "forbidden")       /* logged in, but not allowed */                  \
    X(ERR_NOT_FOUND, "not_found")       /* not there, or not yours */                     \
    X(ERR_NAME_TAKEN, "name_taken")                                                       \
    X(ERR_ROUTE_TAKEN, "route_taken")                                                     \
    X(ERR_LAST_ADMIN, "last_admin")         /* nobody else could manage the users */      \
    X(ERR_STALE, "stale")                   /* somebody else wrote in between */          \
    X(ERR_INPUT_NOT_KEPT, "input_not_kept") /* a replay without anything to replay */     \
    X(ERR_FUNCTION_GONE, "function_gone")   /* a record outlived its function */          \
    X(ERR_TOO_LARGE, "request_too_large")                                                 \
    X(ERR_UNSUPPORTED, "unsupported_media_type")                                          \
    X(ERR_METHOD, "method_not_allowed")                                                   \
    X(ERR_TOO_MANY, "too_many_requests")                                                  \
    X(ERR_NO_ROUTE, "no_route")       /* no function answers this path */                 \
    X(ERR_DISABLED, "disabled")       /* the function is switched off */                  \
    X(ERR_UNAVAILABLE, "unavailable") /* a part we need does not answer; worth a retry */ \
    X(ERR_CLOSED, "closed")           /* the peer hung up */                              \
    X(ERR_TIMEOUT, "timed_out")       /* a deadline of ours passed */                     \
    X(ERR_LIMIT, "limit")             /* a cap of ours was reached */                     \
    X(ERR_PROTOCOL, "protocol")       /* the peer broke the protocol */

typedef enum {
    ERR_NONE = 0,
#define X(name, text) name,
    ERR_CODES(X)
#undef X
} err_code_t;

typedef struct {
    err_code_t code;
    char msg[320];
} err_t;

// Sets code and message; returns -1, so that `return err_set(...)` reads well.
int err_set(err_t *err, err_code_t code, const char *fmt, ...) PRINTF_LIKE(3, 4);

// Like err_set with ERR_INTERNAL, and adds what errno says. Keeps errno.
int err_errno(err_t *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Puts "<text>: " before the message that is there; keeps the code. Returns -1.
int err_wrap(err_t *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

// The code's name as it appears in answers and logs ("not_found"). Static storage.
const char *err_code_name(err_code_t code);

#endif
