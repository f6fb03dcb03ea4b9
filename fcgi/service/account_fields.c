#include "service/account_fields.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/token.h"

enum { SCOPES_MAX = 16 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// ---- rules

// No capitals: nobody is to be taken for somebody else.
static const char *check_username(const char *text)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    bool first = text[0] && !strchr("._-", text[0]);
    return first && strspn(text, chars) == strlen(text)
               ? NULL
               : "must consist of a-z, 0-9, '.', '_' and '-', and start with a letter or digit";
}

bool account_is_username(const char *text)
{
    return strlen(text) < USERNAME_TEXT && !check_username(text);
}

static const char *check_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return "must not have control characters";
    return NULL;
}

#define AT(type, member) .offset = offsetof(type, member)
#define USERNAME                                                               \
    .name = "username", .kind = JSON_TEXT, .min = 1, .max = USERNAME_TEXT - 1, \
    .check = check_username
#define PASSWORD .name = "password", .kind = JSON_TEXT, .min = PASSWORD_MIN, .max = PASSWORD_MAX
#define ROLE .name = "role", .kind = JSON_WORD, .words = ROLE_WORDS

static const json_field_t REGISTER[] = {
    {USERNAME, AT(credentials_t, username), .required = true},
    {PASSWORD, AT(credentials_t, password), .required = true},
};

// What breaks an account's rules is a wrong login, not a mistake in a form.
static const json_field_t LOGIN[] = {
    {"username", JSON_TEXT, AT(login_fields_t, username), .max = PASSWORD_MAX},
    {"password", JSON_TEXT, AT(login_fields_t, password), .max = PASSWORD_MAX},
    {"token", JSON_TEXT, AT(login_fields_t, token), .max = PASSWORD_MAX},
};

static const json_field_t CHANGE_PASSWORD[] = {
    {PASSWORD, AT(password_fields_t, password), .required = true},
    {"current_password", JSON_TEXT, AT(password_fields_t, current_password), .max = PASSWORD_MAX},
};

static const json_field_t USER[] = {
    {USERNAME, AT(user_fields_t, username), .required = true},
    {PASSWORD, AT(user_fields_t, password), .required = true},
    {ROLE, AT(user_fields_t, role)},
};

typedef struct {
    user_fields_t user;
    bool disabled;
} user_change_t;

static const json_field_t USER_CHANGE[] = {
    {PASSWORD, AT(user_change_t, user.password)},
    {ROLE, AT(user_change_t, user.role)},
    {"disabled", JSON_BOOL, AT(user_change_t, disabled)},
};
enum { CHANGE_DISABLED = 2 };

typedef struct {
    const char *name;
    const cJSON *scopes;
    const char *expires_at;
} token_input_t;

static const json_field_t TOKEN[] = {
    {"name", JSON_TEXT, AT(token_input_t, name), .min = 1, .max = TOKEN_NAME_TEXT - 1,
     .check = check_name, .required = true},
    {"scopes", JSON_LIST, AT(token_input_t, scopes), .min = 1, .max = SCOPES_MAX, .required = true},
    {"expires_at", JSON_TEXT, AT(token_input_t, expires_at), .max = 64, .nullable = true},
};

// ---- reading

// What one value alone does not show.
static int complain(json_input_t *in, const char *field, const char *message, err_t *err)
{
    field_errors_add(&in->errors, field, "%s", message);
    return err_set(err, ERR_INVALID, "%s: %s", field, message);
}

int account_read_register(json_input_t *in, const char *body, size_t len, credentials_t *out,
                          err_t *err)
{
    *out = (credentials_t){0};
    return json_read(in, body, len, REGISTER, COUNT(REGISTER), out, err);
}

int account_read_login(json_input_t *in, const char *body, size_t len, login_fields_t *out,
                       err_t *err)
{
    *out = (login_fields_t){0};
    if (json_read(in, body, len, LOGIN, COUNT(LOGIN), out, err) < 0)
        return -1;
    if (out->token && (out->username || out->password))
        return complain(in, "token", "must be given alone", err);
    if (!out->token && !out->username)
        return complain(in, "username", "must be given, or a token", err);
    if (!out->token && !out->password)
        return complain(in, "password", "must be given", err);
    return 0;
}

int account_read_password(json_input_t *in, const char *body, size_t len, password_fields_t *out,
                          err_t *err)
{
    *out = (password_fields_t){0};
    return json_read(in, body, len, CHANGE_PASSWORD, COUNT(CHANGE_PASSWORD), out, err);
}

int account_read_user(json_input_t *in, const char *body, size_t len, user_fields_t *out,
                      err_t *err)
{
    *out = (user_fields_t){.role = ROLE_DEVELOPER, .disabled = -1};
    return json_read(in, body, len, USER, COUNT(USER), out, err);
}

int account_read_user_change(json_input_t *in, const char *body, size_t len, user_fields_t *out,
                             err_t *err)
{
    user_change_t change = {.user = {.role = -1, .disabled = -1}};
    if (json_read(in, body, len, USER_CHANGE, COUNT(USER_CHANGE), &change, err) < 0)
        return -1;
    *out = change.user;
    if (json_given(in, CHANGE_DISABLED))
        out->disabled = change.disabled;
    return 0;
}

static int read_scopes(json_input_t *in, const cJSON *list, uint32_t allowed, uint32_t *out,
                       err_t *err)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, list) {
        int scope = cJSON_IsString(item) ? scope_parse(item->valuestring) : -1;
        if (scope < 0)
            return complain(
                in, "scopes",
                "must be functions:read, functions:write, invoke, metrics:read or admin", err);
        if (!(allowed & (uint32_t)scope))
            return complain(in, "scopes", "must be scopes that the account has", err);
        *out |= (uint32_t)scope;
    }
    return 0;
}

int account_read_token(json_input_t *in, const char *body, size_t len, uint32_t allowed,
                       int64_t now_us, token_fields_t *out, err_t *err)
{
    token_input_t input = {0};
    *out = (token_fields_t){0};
    if (json_read(in, body, len, TOKEN, COUNT(TOKEN), &input, err) < 0 ||
        read_scopes(in, input.scopes, allowed, &out->scopes, err) < 0)
        return -1;
    out->name = input.name;
    err_t why;
    if (input.expires_at && clock_parse(input.expires_at, &out->expires_us, &why) < 0)
        return complain(in, "expires_at", "must be a time like 2030-01-31T12:00:00Z", err);
    if (input.expires_at && out->expires_us <= now_us)
        return complain(in, "expires_at", "must be in the future", err);
    return 0;
}
