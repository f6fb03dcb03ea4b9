#include <string.h>

#include "core/json.h"
#include "model/metric_row.h"

static const struct {
    const char *table;
    int64_t seconds;
} LEVELS[LEVEL_COUNT] = {
    [LEVEL_MINUTE] = {"metric_minute", 60},
    [LEVEL_HOUR] = {"metric_hour", 3600},
    [LEVEL_DAY] = {"metric_day", 86400},
    [LEVEL_TOTAL] = {"metric_total", 0},
};

int64_t metric_level_seconds(metric_level_t level)
{
    return LEVELS[level].seconds;
}

const char *metric_table(metric_level_t level)
{
    return LEVELS[level].table;
}

void metric_take_key(row_t *row, metric_key_t *key)
{
    row_id(row, key->scope_id);
    key->t = row_int(row);
    key->runtime = (runtime_t)row_word(row, RUNTIME_WORDS);
}

static int take_errors(row_t *row, metric_t *into, err_t *err)
{
    size_t len;
    const char *text = db_get_text(row->rows, row->column++, &len);
    if (!len)
        return 0;
    cleanup_json cJSON *tree = json_parse(text, len, err);
    if (!tree)
        return -1;
    const cJSON *one;
    cJSON_ArrayForEach (one, tree) {
        if (cJSON_IsNumber(one))
            metric_add_error(into, one->string, (int64_t)one->valuedouble);
    }
    return 0;
}

int metric_take_values(row_t *row, metric_t *into, err_t *err)
{
    size_t len;
    for (int i = 0; i < METRIC_SUM_COUNT; i++)
        into->sums[i] += row_int(row);
    int64_t peak = row_int(row);
    if (peak > into->memory_max_bytes)
        into->memory_max_bytes = peak;
    const char *id = db_get_text(row->rows, row->column++, &len);
    int status = row_word(row, INVOCATION_STATUS_WORDS);
    if (len == ID_BYTES && memcmp(id, into->last_id, ID_BYTES) > 0) {
        memcpy(into->last_id, id, ID_BYTES);
        into->last_status = (invocation_status_t)status;
    }
    const char *packed = db_get_text(row->rows, row->column++, &len);
    if (histogram_unpack(packed, len, into->histograms, METRIC_HISTOGRAMS, err) < 0 ||
        take_errors(row, into, err) < 0)
        return -1;
    return row->bad ? err_set(err, ERR_INTERNAL, "an unreadable row of metrics") : 0;
}

static void add_range(query_t *q, const metric_filter_t *filter)
{
    if (filter->level != LEVEL_TOTAL)
        query_add2(q, " AND m.t >= ? AND m.t < ?", db_int(filter->from), db_int(filter->to));
    if (filter->runtime >= 0)
        query_add1(q, " AND m.runtime = ?", db_text(RUNTIME_WORDS[filter->runtime]));
}

int metric_read(db_t *db, const access_t *access, const metric_filter_t *filter,
                metric_place_t *place, void *ctx, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT " METRIC_KEY_COLUMNS ", " METRIC_VALUE_COLUMNS " FROM ");
    query_add(&q, metric_table(filter->level));
    query_add(&q, " m WHERE m.scope_id IN (");
    for (size_t i = 0; i < filter->scope_count; i++)
        query_add1(&q, i ? ", ?" : "?", db_id(filter->scopes[i]));
    query_add(&q, filter->functions ? ") AND m.owner_id <> m.scope_id" : ")");
    add_range(&q, filter);
    access_where(&q, access, SCOPE_METRICS_READ, "m.owner_id");
    query_add(&q, " ORDER BY m.scope_id, m.t, m.runtime");
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    int more, count = 0;
    for (; (more = db_next(rows, err)) > 0; count++) {
        row_t row = {.rows = rows};
        metric_key_t key;
        metric_take_key(&row, &key);
        metric_t *into = place(ctx, &key);
        if (into && metric_take_values(&row, into, err) < 0)
            return -1;
    }
    return more < 0 ? -1 : count;
}

static int take_functions(db_t *db, const query_t *q, metric_function_t *out, int limit, err_t *err)
{
    cleanup_db_rows db_rows_t *rows = query_rows(db, q, err);
    if (!rows)
        return -1;
    int more, count = 0;
    while ((more = db_next(rows, err)) > 0 && count < limit) {
        row_t row = {.rows = rows};
        metric_function_t *f = &out[count++];
        row_id(&row, f->id);
        row_text(&row, f->name, sizeof f->name);
        row_text(&row, f->owner, sizeof f->owner);
        if (row.bad)
            return err_set(err, ERR_INTERNAL, "function %s: unreadable row", f->id);
    }
    return more < 0 ? -1 : count;
}

int metric_functions(db_t *db, const access_t *access, const metric_function_filter_t *filter,
                     metric_function_t *out, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT f.id, f.name, u.username FROM functions f"
                  " JOIN users u ON u.id = f.owner_id WHERE ");
    query_add(&q, filter->ids ? "f.id IN (NULL" : "(1 = 1");
    for (size_t i = 0; i < filter->id_count; i++)
        query_add1(&q, ", ?", db_id(filter->ids[i]));
    query_add(&q, ")");
    if (filter->before)
        query_add1(&q, " AND f.id < ?", db_id(filter->before));
    access_where(&q, access, SCOPE_METRICS_READ, "f.owner_id");
    query_add1(&q, " ORDER BY f.id DESC LIMIT ?", db_int(filter->limit));
    return take_functions(db, &q, out, filter->limit, err);
}

int metric_busiest(db_t *db, const access_t *access, metric_function_t *out, int limit, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    query_add(&q, "SELECT f.id, f.name, u.username FROM metric_total m"
                  " JOIN functions f ON f.id = m.scope_id JOIN users u ON u.id = f.owner_id"
                  " WHERE 1 = 1");
    access_where(&q, access, SCOPE_METRICS_READ, "f.owner_id");
    query_add1(&q,
               " GROUP BY f.id, f.name, u.username"
               " ORDER BY SUM(m.ok + m.error + m.timeout + m.oom + m.crash + m.rejected +"
               " m.cancelled) DESC, f.id LIMIT ?",
               db_int(limit));
    return take_functions(db, &q, out, limit, err);
}
