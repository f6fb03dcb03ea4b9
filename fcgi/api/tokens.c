// One's own API tokens.
#include "api/account.h"
#include "api/handlers.h"
#include "base/cleanup.h"

enum { ANSWER_MAX = 256 * 1024 };

// `text` is the token itself, told when it is made and never again.
static void put_token(buf_t *out, const token_t *token, const char *text)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "id", token->id);
    json_add_text(out, "name", token->name);
    account_put_scopes(out, token->scopes);
    account_put_time(out, "expires_at", token->expires_us);
    account_put_time(out, "last_used_at", token->last_used_us);
    json_add_time(out, "created_at", token->created_us);
    if (text)
        json_add_text(out, "token", text);
    json_end(out, '}');
}

int api_tokens_list(api_call_t *call, err_t *err)
{
    static const char *const names[] = {NULL};
    token_t tokens[TOKENS_MAX];
    if (api_query_done(call, names, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(call->api->pool, err);
    int count = db ? token_list(db, &call->access, tokens, err) : -1;
    if (count < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (int i = 0; i < count; i++)
        put_token(&json, &tokens[i], NULL);
    json_end(&json, ']');
    json_add_null(&json, "next");
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}

int api_tokens_create(api_call_t *call, err_t *err)
{
    token_t token;
    char text[CRYPTO_TOKEN];
    const account_call_t what = account_call(call);
    if (accounts_create_token(&call->api->accounts, &what, &token, text, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    put_token(&json, &token, text);
    return api_answer(call, 201, &json, err);
}

int api_token_delete(api_call_t *call, err_t *err)
{
    if (accounts_delete_token(&call->api->accounts, &call->access, call->params[0], err) < 0)
        return -1;
    call->response->status = 204;
    return 0;
}
