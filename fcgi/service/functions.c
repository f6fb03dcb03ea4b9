#include "service/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "model/audit.h"
#include "model/function_search.h"
#include "service/function_fields.h"

static int check_size(size_t len, err_t *err)
{
    return len > FUNCTION_BODY_MAX ? err_set(err, ERR_TOO_LARGE, "the body is too large") : 0;
}

// After a write: one that fails leaves what it could not pack to the next.
static void pack_search(db_t *db)
{
    err_t err;
    if (function_search_pack(db, &err) < 0)
        log_fail(LOG_WARN, "the search of functions is not packed", &err, NULL);
}

int functions_create(const functions_t *fs, const access_t *access, const char *body, size_t len,
                     function_t *out, field_errors_t *errors, err_t *err)
{
    cleanup_function function_t f = {0};
    function_changes_t changes;
    touches_t touches;
    if (check_size(len, err) < 0 ||
        function_fields_read(body, len, true, &f, &touches, errors, err) < 0 ||
        function_fields_compare(NULL, &f, &changes, err) < 0)
        return -1;
    id_new(f.id);
    str_copy(f.owner_id, sizeof f.owner_id, access->user_id);
    str_copy(f.owner, sizeof f.owner, access->username);
    cleanup_db db_t *db = db_get(fs->pool, err);
    if (!db || db_begin(db, err) < 0 || function_insert(db, access, &f, &changes, err) < 0 ||
        audit_add(db, access, AUDIT_FUNCTION_CREATE, f.id, f.name, NULL, err) < 0 ||
        db_commit(db, err) < 0)
        return -1;
    pack_search(db);
    *out = f;
    f = (function_t){0};
    return 0;
}

// ---- writing over what is there

typedef struct write write_t;

// Makes of the function as it is what it is to be.
typedef int make_t(db_t *db, const write_t *w, const function_t *was, function_t *f,
                   touches_t *touches, field_errors_t *errors, err_t *err);

struct write {
    make_t *make;
    audit_action_t action;
    const access_t *access;
    const char *id;
    int64_t revision;
    const char *body;
    size_t len;
};

static int make_replaced(db_t *db, const write_t *w, const function_t *was, function_t *f,
                         touches_t *touches, field_errors_t *errors, err_t *err)
{
    (void)db;
    return function_copy(was, f, err) < 0
               ? -1
               : function_fields_read(w->body, w->len, true, f, touches, errors, err);
}

static int make_patched(db_t *db, const write_t *w, const function_t *was, function_t *f,
                        touches_t *touches, field_errors_t *errors, err_t *err)
{
    (void)db;
    return function_copy(was, f, err) < 0
               ? -1
               : function_fields_read(w->body, w->len, false, f, touches, errors, err);
}

// Takes a text over, which stays the reader's; what was there goes.
static int set_note(function_t *f, const char *note, err_t *err)
{
    char *copy = strdup(note);
    if (!copy)
        return err_set(err, ERR_INTERNAL, "out of memory");
    free(f->note);
    f->note = copy;
    return 0;
}

static int make_rolled_back(db_t *db, const write_t *w, const function_t *was, function_t *f,
                            touches_t *touches, field_errors_t *errors, err_t *err)
{
    typedef struct {
        int64_t version;
        const char *note;
    } order_t;
    static const json_field_t fields[] = {
        {"version", JSON_INT, offsetof(order_t, version), .min = 1, .max = UINT32_MAX,
         .required = true},
        {"note", JSON_TEXT, offsetof(order_t, note), .max = FUNCTION_NOTE_MAX},
    };
    order_t order = {0};
    cleanup_json_input json_input_t in = {0};
    if (json_read(&in, w->body, w->len, fields, sizeof fields / sizeof fields[0], &order, err) <
        0) {
        *errors = in.errors;
        return -1;
    }
    char note[64];
    snprintf(note, sizeof note, "Rollback to version %lld", (long long)order.version);
    cleanup_function_version function_version_t v = {0};
    if (function_get_version(db, w->access, SCOPE_FUNCTIONS_WRITE, w->id, order.version, &v, err) <
            0 ||
        set_note(&v.function, order.note ? order.note : note, err) < 0)
        return -1;
    *f = v.function;
    v.function = (function_t){0};
    f->version = was->version;
    f->revision = was->revision;
    f->status = was->status;
    *touches = TOUCHES_SETTINGS;
    return 0;
}

// Says in the audit trail what a write changed: `changes` is NULL for the status alone.
static int note_write(db_t *db, const write_t *w, const function_t *f,
                      const function_changes_t *changes, err_t *err)
{
    cleanup_buf buf_t words = BUF_INIT(AUDIT_DETAIL_TEXT + sizeof changes->fields);
    if (!changes) {
        buf_addf(&words, "status %s", FUNCTION_STATUS_WORDS[f->status]);
    } else {
        buf_addf(&words, "version %lld: ", (long long)f->version);
        for (const char *p = changes->fields; *p; p++) { // a JSON list of plain words
            if (!strchr("[]\"", *p))
                buf_addc(&words, *p);
            if (*p == ',')
                buf_addc(&words, ' ');
        }
    }
    return audit_add(db, w->access, w->action, f->id, f->name, buf_str(&words), err);
}

static int write_locked(db_t *db, const write_t *w, function_t *f, field_errors_t *errors,
                        err_t *err)
{
    cleanup_function function_t was = {0};
    function_changes_t changes;
    touches_t touches;
    if (function_get(db, w->access, SCOPE_FUNCTIONS_WRITE, w->id, &was, err) < 0)
        return -1;
    if (w->revision != FUNCTION_ANY_REVISION && w->revision != was.revision)
        return err_set(err, ERR_STALE, "the function is at revision %lld", (long long)was.revision);
    if (w->make(db, w, &was, f, &touches, errors, err) < 0)
        return -1;
    if (touches == TOUCHES_NOTHING)
        return 0;
    bool version = touches == TOUCHES_SETTINGS;
    if (version && function_fields_compare(&was, f, &changes, err) < 0)
        return -1;
    if (function_update(db, w->access, f, version ? &changes : NULL, err) < 0)
        return -1;
    return note_write(db, w, f, version ? &changes : NULL, err);
}

// Writers of one function take turns, so that one without If-Match merges with what the others did.
static int write_over(db_pool_t *pool, const write_t *w, function_t *out, field_errors_t *errors,
                      err_t *err)
{
    if (check_size(w->len, err) < 0)
        return -1;
    cleanup_function function_t f = {0};
    cleanup_db db_t *db = db_get(pool, err);
    if (!db || db_begin(db, err) < 0 || function_lock(db, w->access, w->id, err) < 0 ||
        write_locked(db, w, &f, errors, err) < 0 || db_commit(db, err) < 0)
        return -1;
    pack_search(db);
    *out = f;
    f = (function_t){0};
    return 0;
}

int functions_replace(const functions_t *fs, const access_t *access, const char *id,
                      int64_t revision, const char *body, size_t len, function_t *out,
                      field_errors_t *errors, err_t *err)
{
    write_t w = {make_replaced, AUDIT_FUNCTION_UPDATE, access, id, revision, body, len};
    return write_over(fs->pool, &w, out, errors, err);
}

int functions_patch(const functions_t *fs, const access_t *access, const char *id, int64_t revision,
                    const char *body, size_t len, function_t *out, field_errors_t *errors,
                    err_t *err)
{
    write_t w = {make_patched, AUDIT_FUNCTION_UPDATE, access, id, revision, body, len};
    return write_over(fs->pool, &w, out, errors, err);
}

int functions_rollback(const functions_t *fs, const access_t *access, const char *id,
                       int64_t revision, const char *body, size_t len, function_t *out,
                       field_errors_t *errors, err_t *err)
{
    write_t w = {make_rolled_back, AUDIT_FUNCTION_ROLLBACK, access, id, revision, body, len};
    return write_over(fs->pool, &w, out, errors, err);
}

int functions_delete(const functions_t *fs, const access_t *access, const char *id,
                     int64_t revision, err_t *err)
{
    cleanup_function function_t f = {0};
    cleanup_db db_t *db = db_get(fs->pool, err);
    if (!db || db_begin(db, err) < 0 || function_lock(db, access, id, err) < 0 ||
        function_get(db, access, SCOPE_FUNCTIONS_WRITE, id, &f, err) < 0 ||
        function_delete(db, access, id, revision, err) < 0 ||
        audit_add(db, access, AUDIT_FUNCTION_DELETE, id, f.name, NULL, err) < 0)
        return -1;
    return db_commit(db, err);
}

int functions_get(const functions_t *fs, const access_t *access, scope_t scope, const char *id,
                  function_t *out, err_t *err)
{
    cleanup_db db_t *db = db_get(fs->pool, err);
    return db ? function_get(db, access, scope, id, out, err) : -1;
}

int functions_list(const functions_t *fs, const access_t *access, const function_filter_t *filter,
                   function_page_t *out, err_t *err)
{
    if (filter->limit < 1 || filter->limit > FUNCTION_LIST_MAX)
        return err_set(err, ERR_INVALID, "limit must be from 1 to %d", FUNCTION_LIST_MAX);
    if (filter->q && strlen(filter->q) > FUNCTION_SEARCH_MAX)
        return err_set(err, ERR_INVALID, "q must have at most %d bytes", FUNCTION_SEARCH_MAX);
    cleanup_db db_t *db = db_get(fs->pool, err);
    return db ? function_list(db, access, filter, out, err) : -1;
}

int functions_get_version(const functions_t *fs, const access_t *access, const char *id,
                          int64_t version, function_version_t *out, err_t *err)
{
    cleanup_db db_t *db = db_get(fs->pool, err);
    return db ? function_get_version(db, access, SCOPE_FUNCTIONS_READ, id, version, out, err) : -1;
}

int functions_versions(const functions_t *fs, const access_t *access, const char *id, int limit,
                       const char *cursor, function_version_page_t *out, err_t *err)
{
    if (limit < 1 || limit > VERSION_LIST_MAX)
        return err_set(err, ERR_INVALID, "limit must be from 1 to %d", VERSION_LIST_MAX);
    cleanup_db db_t *db = db_get(fs->pool, err);
    return db ? function_versions(db, access, id, limit, cursor, out, err) : -1;
}

// Where the function is called: its route below the public address or, where functions have a host of their
// own, below that, with the scheme and port of the public address.
static void add_base(const config_t *config, buf_t *url)
{
    const char *base = config->public_url, *scheme_end = strstr(base, "://");
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    if (!config->function_host[0] || !scheme_end) {
        buf_add(url, base, len);
        return;
    }
    const char *authority = scheme_end + strlen("://");
    size_t end = strcspn(authority, "/?#"), port = end;
    while (port && strchr("0123456789", authority[port - 1]))
        port--;
    buf_add(url, base, (size_t)(authority - base));
    buf_adds(url, config->function_host);
    if (port && authority[port - 1] == ':')
        buf_add(url, authority + port - 1, end - port + 1);
}

static void add_url(const functions_t *fs, const function_t *f, buf_t *out)
{
    cleanup_buf buf_t url = BUF_INIT(2 * CONFIG_TEXT + ROUTE_TEXT + 16);
    add_base(fs->config, &url);
    buf_addf(&url, "/fn/%s", f->route);
    json_add_text(out, "url", buf_str(&url));
}

void functions_json(const functions_t *fs, const function_t *f, bool with_code, buf_t *out)
{
    json_begin(out, NULL, '{');
    json_add_text(out, "id", f->id);
    function_fields_json(f, with_code ? FIELDS_ALL : FIELDS_LISTED, out);
    add_url(fs, f, out);
    json_add_int(out, "version", f->version);
    json_add_int(out, "revision", f->revision);
    json_add_text(out, "owner", f->owner);
    json_add_time(out, "created_at", f->created_us);
    json_add_time(out, "updated_at", f->updated_us);
    json_end(out, '}');
}

static void add_changes(const function_changes_t *changes, buf_t *out)
{
    if (!changes->fields[0]) {
        json_add_null(out, "changed");
        json_add_null(out, "lines_added");
        json_add_null(out, "lines_removed");
        return;
    }
    json_add_raw(out, "changed", changes->fields, strlen(changes->fields));
    json_add_int(out, "lines_added", changes->lines_added);
    json_add_int(out, "lines_removed", changes->lines_removed);
}

void functions_version_json(const function_version_t *v, bool full, buf_t *out)
{
    json_begin(out, NULL, '{');
    json_add_int(out, "version", v->function.version);
    json_add_text(out, "author", v->author);
    json_add_time(out, "created_at", v->created_us);
    add_changes(&v->changes, out);
    json_add_int(out, "code_bytes", v->code_bytes);
    if (full)
        function_fields_json(&v->function, FIELDS_VERSION, out);
    else
        json_add_text(out, "note", v->function.note);
    json_end(out, '}');
}

void functions_etag(const function_t *f, char out[FUNCTION_ETAG])
{
    snprintf(out, FUNCTION_ETAG, "\"%lld\"", (long long)f->revision);
}

int functions_if_match(const char *header, int64_t *revision, err_t *err)
{
    *revision = FUNCTION_ANY_REVISION;
    if (!header || str_eq(header, "*"))
        return 0;
    if (str_starts(header, "W/"))
        header += 2;
    char digits[FUNCTION_ETAG];
    size_t len = strlen(header);
    if (len < 3 || len - 2 >= sizeof digits || header[0] != '"' || header[len - 1] != '"')
        return err_set(err, ERR_STALE, "If-Match is no revision of this function");
    memcpy(digits, header + 1, len - 2);
    digits[len - 2] = '\0';
    if (str_int(digits, 1, INT64_MAX, revision, NULL) < 0)
        return err_set(err, ERR_STALE, "If-Match is no revision of this function");
    return 0;
}
