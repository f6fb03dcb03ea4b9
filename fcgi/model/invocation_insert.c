// Many records at once. Plain INSERT, not INSERT IGNORE: that would also shorten values that do not fit,
// and drop rows that no partition takes. A duplicate is the exception, after a replay for example, so the
// table is asked which ids it has only when one was met.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "model/invocation.h"
#include "model/invocation_row.h"

// Rows of one statement: powers of two up to this, so that few statements are prepared.
enum { ROWS_MAX = 64 };

// What the columns take, in bytes; longer texts are cut.
enum { PATH_MAX_BYTES = 2048, ERROR_TYPE_MAX = 255, ERROR_MESSAGE_MAX = 16384, STACK_MAX = 65536 };

#define COLUMNS                                                                                \
    "id, function_id, function_name, owner_id, version, runtime, start, source, status,"       \
    " http_status, method, path, error_type, error_message, error_stack, queue_us, init_us,"   \
    " run_us, total_us, cpu_us, memory_peak_bytes, memory_mb, request_bytes, response_bytes, " \
    "input_kind,"                                                                              \
    " input, args, output_hash, logs_truncated, request, replay_of"

enum { COLUMN_COUNT = 31, LOG_COLUMN_COUNT = 2, SQL_MAX = 16 * 1024 };

static db_value_t cut(const char *text, size_t max)
{
    size_t len = text ? strlen(text) : 0;
    return db_textn(text, len > max ? str_utf8_cut(text, max) : len);
}

static db_value_t known(int64_t figure)
{
    return figure < 0 ? db_null() : db_int(figure);
}

static void put_record(const invocation_t *inv, db_value_t *out)
{
    const db_value_t values[COLUMN_COUNT] = {
        db_id(inv->id),
        db_id(inv->function_id),
        db_text(inv->function_name),
        db_id(inv->owner_id),
        db_int(inv->version),
        db_text(RUNTIME_WORDS[inv->runtime]),
        db_text(inv->start < 0 ? NULL : START_WORDS[inv->start]),
        db_text(SOURCE_WORDS[inv->source]),
        db_text(INVOCATION_STATUS_WORDS[inv->status]),
        db_int(inv->http_status),
        db_text(inv->method),
        db_blob(inv->path, inv->path ? strnlen(inv->path, PATH_MAX_BYTES) : 0),
        cut(inv->error_type, ERROR_TYPE_MAX),
        cut(inv->error_message, ERROR_MESSAGE_MAX),
        cut(inv->error_stack, STACK_MAX),
        known(inv->queue_us),
        known(inv->init_us),
        known(inv->run_us),
        known(inv->total_us),
        known(inv->cpu_us),
        known(inv->memory_peak_bytes),
        db_int(inv->memory_mb),
        known(inv->request_bytes),
        known(inv->response_bytes),
        db_text(INPUT_WORDS[inv->input_kind]),
        db_blob(inv->input, inv->input_len),
        db_text(inv->args),
        inv->has_output_hash ? db_blob(inv->output_hash, sizeof inv->output_hash) : db_null(),
        db_int(inv->logs_truncated),
        db_text(inv->request),
        db_id(inv->replay_of),
    };
    memcpy(out, values, sizeof values);
}

static void put_log(const invocation_t *inv, db_value_t *out)
{
    out[0] = db_id(inv->id);
    out[1] = db_textn(inv->logs, inv->logs_len);
}

// "(?,?),(?,?)"
static void add_places(buf_t *sql, size_t rows, int columns)
{
    size_t begin = sql->len;
    for (int i = 0; i < columns; i++)
        buf_adds(sql, i ? ",?" : "(?");
    buf_addc(sql, ')');
    size_t len = sql->len - begin;
    for (size_t row = 1; row < rows; row++) {
        buf_addc(sql, ',');
        char *room = buf_room(sql, len);
        if (!room)
            return;
        memcpy(room, sql->data + begin, len);
        buf_grew(sql, len);
    }
}

typedef struct {
    const char *insert, *tail; // around the places
    int columns;
    void (*put)(const invocation_t *inv, db_value_t *out);
} table_t;

static const table_t records = {"INSERT INTO invocations (" COLUMNS ") VALUES ", "", COLUMN_COUNT,
                                put_record};
// A log without its record, left over by hand for example, must not stop the journal.
static const table_t logs = {"INSERT INTO invocation_logs (invocation_id, entries) VALUES ",
                             " ON DUPLICATE KEY UPDATE invocation_id = invocation_id",
                             LOG_COLUMN_COUNT, put_log};

static int insert_rows(db_t *db, const table_t *table, const invocation_t *const *items,
                       size_t count, err_t *err)
{
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    size_t columns = (size_t)table->columns;
    cleanup_free db_value_t *values = calloc(count * columns, sizeof *values);
    buf_adds(&sql, table->insert);
    add_places(&sql, count, table->columns);
    buf_adds(&sql, table->tail);
    if (!values || buf_failed(&sql))
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++)
        table->put(items[i], values + i * columns);
    return db_exec(db, sql.data, values, count * columns, NULL, err);
}

// The greatest power of two that is not above count and ROWS_MAX.
static size_t portion(size_t count)
{
    size_t n = ROWS_MAX;
    while (n > count)
        n /= 2;
    return n;
}

static bool listed(const char *id, const invocation_t *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(items[i]->id, id))
            return true;
    return false;
}

static void forget(const char *id, const invocation_t **items, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!str_eq(items[i]->id, id))
            items[kept++] = items[i];
    *count = kept;
}

// Leaves those of the items that are new: neither in the table nor twice in the list.
static int keep_new(db_t *db, const invocation_t **items, size_t *count, err_t *err)
{
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    db_value_t ids[ROWS_MAX];
    size_t kept = 0;
    buf_adds(&sql, "SELECT id FROM invocations WHERE id IN ");
    add_places(&sql, 1, (int)*count);
    for (size_t i = 0; i < *count; i++)
        ids[i] = db_id(items[i]->id);
    cleanup_db_rows db_rows_t *rows = db_query(db, buf_str(&sql), ids, *count, err);
    if (!rows)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (!listed(items[i]->id, items, kept))
            items[kept++] = items[i];
    *count = kept;
    int more;
    while ((more = db_next(rows, err)) > 0) {
        char id[ID_TEXT];
        db_get_id(rows, 0, id);
        forget(id, items, count);
    }
    return more;
}

// Inserts records, at most ROWS_MAX; *count is then how many of them were new, in front.
static int insert_portion(db_t *db, const invocation_t **items, size_t *count, err_t *err)
{
    err_t why;
    if (insert_rows(db, &records, items, *count, &why) == 0)
        return 0;
    if (!db_duplicate(db, "PRIMARY")) {
        *err = why;
        return -1;
    }
    if (keep_new(db, items, count, err) < 0)
        return -1;
    for (size_t done = 0, n; done < *count; done += n) {
        n = portion(*count - done);
        if (insert_rows(db, &records, items + done, n, err) < 0) {
            // Somebody inserts the same ones at this moment.
            if (db_duplicate(db, "PRIMARY"))
                err->code = ERR_UNAVAILABLE;
            return -1;
        }
    }
    return 0;
}

static int insert_logs(db_t *db, const invocation_t **items, size_t count, err_t *err)
{
    size_t with = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->logs)
            items[with++] = items[i];
    for (size_t done = 0, n; done < with; done += n) {
        n = portion(with - done);
        if (insert_rows(db, &logs, items + done, n, err) < 0)
            return -1;
    }
    return 0;
}

int invocation_insert(db_t *db, const invocation_t *items, size_t count, bool *inserted, err_t *err)
{
    for (size_t done = 0, n; done < count; done += n) {
        n = portion(count - done);
        const invocation_t *new[ROWS_MAX];
        size_t new_count = n;
        for (size_t i = 0; i < n; i++) {
            new[i] = &items[done + i];
            inserted[done + i] = false;
        }
        if (insert_portion(db, new, &new_count, err) < 0)
            return -1;
        for (size_t i = 0; i < new_count; i++)
            inserted[new[i] - items] = true;
        if (insert_logs(db, new, new_count, err) < 0)
            return -1;
    }
    return 0;
}
