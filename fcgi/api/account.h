// What the handlers about accounts share.
#ifndef CLOCHE_API_ACCOUNT_H
#define CLOCHE_API_ACCOUNT_H

#include "api/api.h"

// The request as service/accounts.h takes it; borrows from `call`.
account_call_t account_call(api_call_t *call);

// Begins the object of a user, for the caller to end.
void account_put_user(buf_t *out, const char *key, const user_t *user);
// A time; 0 is written as null.
void account_put_time(buf_t *out, const char *key, int64_t wall_us);
void account_put_scopes(buf_t *out, uint32_t scopes);

#endif
