// All accounts, for admins.
#include <string.h>

#include "api/account.h"
#include "api/handlers.h"
#include "base/cleanup.h"
#include "base/str.h"

enum { ANSWER_MAX = 256 * 1024 };

static int answer_user(api_call_t *call, int status, const user_t *user, err_t *err)
{
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    account_put_user(&json, NULL, user);
    json_end(&json, '}');
    return api_answer(call, status, &json, err);
}

static int read_filter(api_call_t *call, user_filter_t *filter, err_t *err)
{
    static const char *const names[] = {"q", "role", "disabled", "limit", "cursor", NULL};
    static const char *const truth[] = {"false", "true", NULL};
    int64_t limit = USER_LIST_DEFAULT;
    *filter = (user_filter_t){
        .q = request_query(call->request, "q"),
        .role = -1,
        .disabled = -1,
        .cursor = request_query(call->request, "cursor"),
    };
    if (filter->q && strlen(filter->q) >= USERNAME_TEXT)
        field_errors_add(&call->errors, "q", "must have at most %d bytes", USERNAME_TEXT - 1);
    api_query_word(call, "role", ROLE_WORDS, &filter->role);
    api_query_word(call, "disabled", truth, &filter->disabled);
    api_query_int(call, "limit", 1, USER_LIST_MAX, &limit);
    filter->limit = (int)limit;
    return api_query_done(call, names, err);
}

static void put_item(buf_t *out, const user_t *user)
{
    account_put_user(out, NULL, user);
    json_add_int(out, "functions", user->functions);
    json_end(out, '}');
}

int api_users_list(api_call_t *call, err_t *err)
{
    user_page_t page;
    user_filter_t filter;
    if (read_filter(call, &filter, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(call->api->pool, err);
    if (!db || user_list(db, &filter, &page, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (size_t i = 0; i < page.count; i++)
        put_item(&json, &page.items[i]);
    json_end(&json, ']');
    json_add_text(&json, "next", page.next[0] ? page.next : NULL);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_users_create(api_call_t *call, err_t *err)
{
    user_t user;
    const account_call_t what = account_call(call);
    if (accounts_create_user(&call->api->accounts, &what, &user, err) < 0)
        return -1;
    return answer_user(call, 201, &user, err);
}

int api_user_patch(api_call_t *call, err_t *err)
{
    user_t user;
    const account_call_t what = account_call(call);
    if (accounts_change_user(&call->api->accounts, &what, call->params[0], &user, err) < 0)
        return -1;
    return answer_user(call, 200, &user, err);
}
