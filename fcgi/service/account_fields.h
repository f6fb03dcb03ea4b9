// What the bodies about accounts may hold: one table of fields for each, with their rules.
#ifndef CLOCHE_SERVICE_ACCOUNT_FIELDS_H
#define CLOCHE_SERVICE_ACCOUNT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/json.h"
#include "model/access.h"

// In bytes of UTF-8.
enum { PASSWORD_MIN = 8, PASSWORD_MAX = 128 };

// The texts live as long as the json_input_t they were read with; NULL where they were not given.
typedef struct {
    const char *username, *password;
} credentials_t;

typedef struct {
    const char *username, *password; // both, or
    const char *token;
} login_fields_t;

typedef struct {
    const char *password, *current_password;
} password_fields_t;

// Of a new user or of what is to change; -1: not given.
typedef struct {
    const char *username, *password;
    int role;
    int disabled;
} user_fields_t;

typedef struct {
    const char *name;
    uint32_t scopes;
    int64_t expires_us; // 0: never
} token_fields_t;

// Each fills *out. ERR_INVALID_JSON, ERR_INVALID with in->errors filled.
int account_read_register(json_input_t *in, const char *body, size_t len, credentials_t *out,
                          err_t *err) MUSTCHECK;
int account_read_login(json_input_t *in, const char *body, size_t len, login_fields_t *out,
                       err_t *err) MUSTCHECK;
int account_read_password(json_input_t *in, const char *body, size_t len, password_fields_t *out,
                          err_t *err) MUSTCHECK;
int account_read_user(json_input_t *in, const char *body, size_t len, user_fields_t *out,
                      err_t *err) MUSTCHECK;
int account_read_user_change(json_input_t *in, const char *body, size_t len, user_fields_t *out,
                             err_t *err) MUSTCHECK;
// `allowed` are the scopes that may be asked for, and the time is when `expires_at` has to be after.
int account_read_token(json_input_t *in, const char *body, size_t len, uint32_t allowed,
                       int64_t now_us, token_fields_t *out, err_t *err) MUSTCHECK;

// Whether an account can have this name.
bool account_is_username(const char *text);

#endif
