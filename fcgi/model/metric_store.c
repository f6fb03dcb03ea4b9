// Counting calls: rows are read with a lock, added to here and written back, because latency buckets
// cannot be summed by SQL where they are packed. Connections read what is committed (db/pool.c), so a
// look for a row that is not there locks nothing.
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"
#include "model/metric_row.h"

enum {
    ROWS_MAX = 64, // of one statement, and in memory at once
    SCOPES = 3,
    SUM_FROM = 16, // calls; from there on merging their sum into a row is less than adding each
    KEY_COUNT = 4, // owner_id, too
    SQL_MAX = 32 * 1024,
    PACKED_MAX = 64 * 1024, // of all histograms and errors of ROWS_MAX rows, each
};

// Calls of one function in one minute on one runtime, which the same rows count. Free of padding: it is hashed and
// compared as bytes.
typedef struct {
    uint8_t function[ID_BYTES], owner[ID_BYTES];
    int64_t minute, runtime;
} group_key_t;

typedef struct call {
    struct call *next;
    const invocation_t *of;
} call_t;

typedef struct {
    group_key_t key;
    call_t *calls;
    size_t count;
    metric_t
        *sum; // of SUM_FROM calls and more: added up once, not for each of the rows. NULL: of fewer
    UT_hash_handle hh;
} group_t;

// One group of those that a row counts.
typedef struct entry {
    struct entry *next;
    const group_t *group;
} entry_t;

// Of a row. Free of padding, too.
typedef struct {
    uint8_t scope[ID_BYTES];
    int64_t t, runtime;
} row_key_t;

typedef struct {
    row_key_t key;
    const char *scope_id, *owner_id;
    entry_t *entries;
    bool there;
    UT_hash_handle hh;
} cell_t;

// What a batch is counted with; room for the rows of all its groups.
typedef struct {
    call_t *calls;
    group_t *groups, *by_group;
    entry_t *entries;
    cell_t *cells, *by_key;
    size_t call_count, group_count, entry_count, cell_count;
} table_t;

static void table_free(table_t *t)
{
    HASH_CLEAR(hh, t->by_group);
    HASH_CLEAR(hh, t->by_key);
    for (size_t i = 0; i < t->group_count; i++)
        free(t->groups[i].sum);
    free(t->calls);
    free(t->groups);
    free(t->entries);
    free(t->cells);
}
#define cleanup_table __attribute__((cleanup(table_free)))

// ---- which calls go together

static void put_call(table_t *t, const invocation_t *call)
{
    uint8_t id[ID_BYTES] = {0};
    group_key_t key = {.runtime = call->runtime};
    id_to_bytes(call->id, id);
    id_to_bytes(call->function_id, key.function);
    id_to_bytes(call->owner_id, key.owner);
    key.minute = id_time_ms(id) / 60000;
    group_t *group;
    HASH_FIND(hh, t->by_group, &key, sizeof key, group);
    if (!group) {
        group = &t->groups[t->group_count++];
        *group = (group_t){.key = key};
        HASH_ADD(hh, t->by_group, key, sizeof key, group);
    }
    call_t *own = &t->calls[t->call_count++];
    *own = (call_t){.next = group->calls, .of = call};
    group->calls = own;
    group->count++;
}

static void add_calls(metric_t *m, const group_t *group)
{
    for (const call_t *call = group->calls; call; call = call->next)
        metric_add(m, call->of);
}

static void add_group(metric_t *m, const group_t *group)
{
    if (group->sum)
        metric_merge(m, group->sum);
    else
        add_calls(m, group);
}

static int make_groups(table_t *t, const invocation_t *items, const bool *inserted, size_t count,
                       err_t *err)
{
    t->calls = calloc(count, sizeof *t->calls);
    t->groups = calloc(count, sizeof *t->groups);
    if (!t->calls || !t->groups)
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (inserted[i])
            put_call(t, &items[i]);
    for (size_t i = 0; i < t->group_count; i++) {
        group_t *group = &t->groups[i];
        if (group->count < SUM_FROM)
            continue;
        group->sum = calloc(1, sizeof *group->sum);
        if (!group->sum)
            return err_set(err, ERR_INTERNAL, "out of memory");
        add_calls(group->sum, group);
    }
    return 0;
}

// ---- which rows

static void put_entry(table_t *t, const row_key_t *key, const char *scope_id, const char *owner_id,
                      const group_t *group)
{
    cell_t *cell;
    HASH_FIND(hh, t->by_key, key, sizeof *key, cell);
    if (!cell) {
        cell = &t->cells[t->cell_count++];
        *cell = (cell_t){.key = *key, .scope_id = scope_id, .owner_id = owner_id};
        HASH_ADD(hh, t->by_key, key, sizeof *key, cell);
    }
    entry_t *entry = &t->entries[t->entry_count++];
    *entry = (entry_t){.next = cell->entries, .group = group};
    cell->entries = entry;
}

static void put_group(table_t *t, const group_t *group, metric_level_t level)
{
    static const uint8_t everything[ID_BYTES];
    const invocation_t *any = group->calls->of;
    const struct {
        const uint8_t *scope;
        const char *scope_id, *owner_id;
    } rows[SCOPES] = {{group->key.function, any->function_id, any->owner_id},
                      {group->key.owner, any->owner_id, any->owner_id},
                      {everything, METRIC_SYSTEM, METRIC_SYSTEM}};
    int64_t seconds = metric_level_seconds(level), at = group->key.minute * 60;
    for (int i = 0; i < SCOPES; i++) {
        row_key_t key = {.t = seconds ? at - at % seconds : 0, .runtime = group->key.runtime};
        memcpy(key.scope, rows[i].scope, ID_BYTES);
        put_entry(t, &key, rows[i].scope_id, rows[i].owner_id, group);
    }
}

static int by_key(const void *a, const void *b)
{
    const row_key_t *x = &((const cell_t *)a)->key, *y = &((const cell_t *)b)->key;
    int order = memcmp(x->scope, y->scope, ID_BYTES);
    if (order)
        return order;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return x->runtime < y->runtime ? -1 : x->runtime > y->runtime;
}

// Makes the rows of a level, in the order in which everybody locks them.
static void make_cells(table_t *t, metric_level_t level)
{
    t->entry_count = t->cell_count = 0;
    for (size_t i = 0; i < t->group_count; i++)
        put_group(t, &t->groups[i], level);
    HASH_CLEAR(hh, t->by_key);
    qsort(t->cells, t->cell_count, sizeof *t->cells, by_key);
}

static cell_t *cell_of(cell_t *cells, size_t count, const metric_key_t *key)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i].key.t == key->t && cells[i].key.runtime == (int64_t)key->runtime &&
            str_eq(cells[i].scope_id, key->scope_id))
            return &cells[i];
    return NULL;
}

// ---- reading

static int read_locked(db_t *db, metric_level_t level, cell_t *cells, metric_t *metrics,
                       size_t count, bool only_missing, err_t *err)
{
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    db_value_t values[ROWS_MAX * 3];
    size_t n = 0;
    buf_adds(&sql, "SELECT " METRIC_KEY_COLUMNS ", " METRIC_VALUE_COLUMNS " FROM ");
    buf_addf(&sql, "%s FORCE INDEX (PRIMARY) WHERE ", metric_table(level));
    for (size_t i = 0; i < count; i++) {
        const cell_t *c = &cells[i];
        if (only_missing && c->there)
            continue;
        buf_adds(&sql, n ? " OR " : "");
        buf_adds(&sql, "(scope_id = ? AND t = ? AND runtime = ?)");
        values[n++] = db_blob(c->key.scope, ID_BYTES);
        values[n++] = db_int(c->key.t);
        values[n++] = db_text(RUNTIME_WORDS[c->key.runtime]);
    }
    buf_adds(&sql, " ORDER BY scope_id, t, runtime FOR UPDATE");
    cleanup_db_rows db_rows_t *rows = db_query(db, buf_str(&sql), values, n, err);
    if (!rows)
        return -1;
    int more;
    while ((more = db_next(rows, err)) > 0) {
        row_t row = {.rows = rows};
        metric_key_t key;
        metric_take_key(&row, &key);
        cell_t *cell = cell_of(cells, count, &key);
        if (!cell)
            return err_set(err, ERR_INTERNAL, "metrics: a row that nobody asked for");
        cell->there = true;
        if (metric_take_values(&row, &metrics[cell - cells], err) < 0)
            return -1;
    }
    return more;
}

// ---- writing

static void pack_errors(const metric_t *m, buf_t *out)
{
    if (!m->error_count)
        return;
    buf_adds(out, "\n"); // where a JSON text may begin
    json_begin(out, NULL, '{');
    for (size_t i = 0; i < m->error_count; i++)
        json_add_int(out, m->errors[i].type, m->errors[i].count);
    json_end(out, '}');
}

// The texts of a row lie in `packed`, which grows: they are placed when it is complete.
typedef struct {
    size_t histograms, errors, end;
} piece_t;

static void put_row(const cell_t *cell, const metric_t *m, const char *packed, const piece_t *piece,
                    db_value_t *out)
{
    size_t n = 0;
    out[n++] = db_blob(cell->key.scope, ID_BYTES);
    out[n++] = db_int(cell->key.t);
    out[n++] = db_text(RUNTIME_WORDS[cell->key.runtime]);
    out[n++] = db_id(cell->owner_id);
    for (int i = 0; i < METRIC_SUM_COUNT; i++)
        out[n++] = db_int(m->sums[i]);
    out[n++] = m->memory_max_bytes ? db_int(m->memory_max_bytes) : db_null();
    out[n++] = db_blob(m->last_id, ID_BYTES);
    out[n++] = db_text(INVOCATION_STATUS_WORDS[m->last_status]);
    out[n++] = db_blob(packed + piece->histograms, piece->errors - piece->histograms);
    out[n++] = db_textn(packed + piece->errors, piece->end - piece->errors);
}

static void add_insert(buf_t *sql, metric_level_t level, size_t rows)
{
    buf_addf(sql,
             "INSERT INTO %s (" METRIC_KEY_COLUMNS ", owner_id, " METRIC_VALUE_COLUMNS ") VALUES ",
             metric_table(level));
    for (size_t row = 0; row < rows; row++) {
        buf_adds(sql, row ? ",(?" : "(?");
        for (int i = 1; i < KEY_COUNT + METRIC_VALUE_COUNT; i++)
            buf_adds(sql, ",?");
        buf_addc(sql, ')');
    }
}

static void add_replacing(buf_t *sql)
{
    static const char *const columns[] = {
#define X(name, column) column,
        METRIC_SUMS(X)
#undef X
            "memory_max_bytes",
        "last_id", "last_status", "histograms", "errors"};
    buf_adds(sql, " ON DUPLICATE KEY UPDATE ");
    for (int i = 0; i < METRIC_VALUE_COUNT; i++)
        buf_addf(sql, "%s%s = VALUES(%s)", i ? ", " : "", columns[i], columns[i]);
}

// Writes the rows over those that are there; with `only_missing` makes those that are not, and leaves
// alone what somebody else made meanwhile.
static int write_rows(db_t *db, metric_level_t level, const cell_t *cells, const metric_t *metrics,
                      size_t count, bool only_missing, err_t *err)
{
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    cleanup_buf buf_t packed = BUF_INIT(ROWS_MAX * PACKED_MAX);
    size_t columns = KEY_COUNT + METRIC_VALUE_COUNT, n = 0;
    piece_t pieces[ROWS_MAX];
    cleanup_free db_value_t *values = calloc(count * columns, sizeof *values);
    if (!values)
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        pieces[i].histograms = packed.len;
        histogram_pack(metrics[i].histograms, METRIC_HISTOGRAMS, &packed);
        pieces[i].errors = packed.len;
        pack_errors(&metrics[i], &packed);
        pieces[i].end = packed.len;
    }
    for (size_t i = 0; i < count; i++)
        if (!only_missing || !cells[i].there)
            put_row(&cells[i], &metrics[i], buf_str(&packed), &pieces[i], values + columns * n++);
    add_insert(&sql, level, n);
    if (only_missing)
        buf_adds(&sql, " ON DUPLICATE KEY UPDATE scope_id = scope_id");
    else
        add_replacing(&sql);
    if (buf_failed(&sql) || buf_failed(&packed))
        return err_set(err, ERR_INTERNAL, "out of memory");
    return db_exec(db, buf_str(&sql), values, n * columns, NULL, err);
}

static bool all_there(const cell_t *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!cells[i].there)
            return false;
    return true;
}

// At most ROWS_MAX rows.
static int store_cells(db_t *db, metric_level_t level, cell_t *cells, size_t count, err_t *err)
{
    cleanup_free metric_t *metrics = calloc(count, sizeof *metrics);
    if (!metrics)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (read_locked(db, level, cells, metrics, count, false, err) < 0)
        return -1;
    if (!all_there(cells, count) && (write_rows(db, level, cells, metrics, count, true, err) < 0 ||
                                     read_locked(db, level, cells, metrics, count, true, err) < 0))
        return -1;
    for (size_t i = 0; i < count; i++)
        for (const entry_t *e = cells[i].entries; e; e = e->next)
            add_group(&metrics[i], e->group);
    return write_rows(db, level, cells, metrics, count, false, err);
}

// Few sizes of statements, so that few are prepared.
static size_t portion(size_t count)
{
    enum { EXACT = 4 };
    size_t n = ROWS_MAX;
    while (n > count && n > EXACT)
        n /= 2;
    return n > count ? count : n;
}

int metric_store(db_t *db, const invocation_t *items, const bool *inserted, size_t count,
                 err_t *err)
{
    cleanup_table table_t t = {0};
    if (make_groups(&t, items, inserted, count, err) < 0)
        return -1;
    t.entries = calloc(t.group_count * SCOPES, sizeof *t.entries);
    t.cells = calloc(t.group_count * SCOPES, sizeof *t.cells);
    if (t.group_count && (!t.entries || !t.cells))
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (int level = 0; level < LEVEL_COUNT; level++) {
        make_cells(&t, (metric_level_t)level);
        for (size_t done = 0, n; done < t.cell_count; done += n) {
            n = portion(t.cell_count - done);
            if (store_cells(db, (metric_level_t)level, t.cells + done, n, err) < 0)
                return -1;
        }
    }
    return 0;
}
