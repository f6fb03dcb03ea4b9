// The audit trail, for admins.
#include "model/audit.h"

#include "api/handlers.h"
#include "base/cleanup.h"

enum { ANSWER_MAX = 512 * 1024 };

static void check_id(api_call_t *call, const char *name, const char *text)
{
    if (text && !id_valid(text))
        field_errors_add(&call->errors, name, "must be an id");
}

static int read_filter(api_call_t *call, audit_filter_t *filter, err_t *err)
{
    static const char *const names[] = {"user_id", "action", "target_id", "limit", "cursor", NULL};
    int64_t limit = AUDIT_LIST_DEFAULT;
    *filter = (audit_filter_t){
        .user_id = request_query(call->request, "user_id"),
        .target_id = request_query(call->request, "target_id"),
        .action = -1,
        .cursor = request_query(call->request, "cursor"),
    };
    check_id(call, "user_id", filter->user_id);
    check_id(call, "target_id", filter->target_id);
    api_query_word(call, "action", AUDIT_WORDS, &filter->action);
    api_query_int(call, "limit", 1, AUDIT_LIST_MAX, &limit);
    filter->limit = (int)limit;
    return api_query_done(call, names, err);
}

static void put_ref(buf_t *out, const char *key, const char *id, const char *label,
                    const char *name)
{
    if (!id[0] && !name[0]) {
        json_add_null(out, key);
        return;
    }
    json_begin(out, key, '{');
    json_add_text(out, "id", id[0] ? id : NULL);
    json_add_text(out, label, name);
    json_end(out, '}');
}

static void put_line(buf_t *out, const audit_line_t *line)
{
    uint8_t id[ID_BYTES];
    id_to_bytes(line->id, id);
    json_begin(out, NULL, '{');
    json_add_text(out, "id", line->id);
    json_add_time(out, "at", id_time_ms(id) * 1000);
    put_ref(out, "user", line->user_id, "username", line->username);
    json_add_text(out, "action", AUDIT_WORDS[line->action]);
    put_ref(out, "target", line->target_id, "name", line->target_name);
    json_add_text(out, "detail", line->detail);
    json_add_text(out, "address", line->address);
    json_add_text(out, "request_id", line->request_id[0] ? line->request_id : NULL);
    json_end(out, '}');
}

int api_audit_list(api_call_t *call, err_t *err)
{
    audit_page_t page;
    audit_filter_t filter;
    if (read_filter(call, &filter, err) < 0)
        return -1;
    cleanup_db db_t *db = db_get(call->api->pool, err);
    if (!db || audit_list(db, &filter, &page, err) < 0)
        return -1;
    cleanup_buf buf_t json = BUF_INIT(ANSWER_MAX);
    json_begin(&json, NULL, '{');
    json_begin(&json, "items", '[');
    for (size_t i = 0; i < page.count; i++)
        put_line(&json, &page.items[i]);
    json_end(&json, ']');
    json_add_text(&json, "next", page.next[0] ? page.next : NULL);
    json_end(&json, '}');
    return api_answer(call, 200, &json, err);
}
