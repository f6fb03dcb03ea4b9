// A summary: what a list of functions shows of each, from the hours of a short range.
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"
#include "service/metrics.h"
#include "service/metrics_json.h"

enum { HOUR_S = 3600 };

// The hours of one function.
typedef struct {
    metric_t sum;
    metric_t ever; // only its counts and its last call
    int64_t requests[METRICS_HOURS_MAX], errors[METRICS_HOURS_MAX];
} item_t;

typedef struct {
    const metric_function_t *functions;
    item_t *items;
    int count;
    int64_t from;
    metric_t row; // the one that was placed last, not yet added up
    int item, hour;
} reading_t;

static void take_row(reading_t *r)
{
    if (r->item < 0)
        return;
    item_t *item = &r->items[r->item];
    item->requests[r->hour] += metric_requests(&r->row);
    item->errors[r->hour] += metric_errors(&r->row);
    metric_merge(&item->sum, &r->row);
    r->row = (metric_t){0};
}

static int index_of(const reading_t *r, const char *id)
{
    for (int i = 0; i < r->count; i++)
        if (str_eq(r->functions[i].id, id))
            return i;
    return -1;
}

static metric_t *place_hour(void *ctx, const metric_key_t *key)
{
    reading_t *r = ctx;
    take_row(r);
    r->item = index_of(r, key->scope_id);
    r->hour = (int)((key->t - r->from) / HOUR_S);
    return r->item < 0 ? NULL : &r->row;
}

static metric_t *place_ever(void *ctx, const metric_key_t *key)
{
    const reading_t *r = ctx;
    int i = index_of(r, key->scope_id);
    return i < 0 ? NULL : &r->items[i].ever;
}

static int read_items(db_t *db, const access_t *access, reading_t *r, int64_t to, err_t *err)
{
    const char *ids[METRIC_SCOPES_MAX];
    for (int i = 0; i < r->count; i++)
        ids[i] = r->functions[i].id;
    metric_filter_t filter = {.level = LEVEL_HOUR,
                              .scopes = ids,
                              .scope_count = (size_t)r->count,
                              .from = r->from,
                              .to = to,
                              .runtime = -1};
    if (!r->count)
        return 0;
    r->item = -1;
    if (metric_read(db, access, &filter, place_hour, r, err) < 0)
        return -1;
    take_row(r);
    filter.level = LEVEL_TOTAL;
    return metric_read(db, access, &filter, place_ever, r, err);
}

static void put_hours(const char *key, const int64_t *values, int hours, buf_t *out)
{
    json_begin(out, key, '[');
    for (int i = 0; i < hours; i++)
        json_add_int(out, NULL, values[i]);
    json_end(out, ']');
}

static void put_item(const metric_function_t *f, const item_t *item, int hours, buf_t *out)
{
    const metric_t *m = &item->sum;
    int64_t errors = metric_errors(m);
    json_begin(out, NULL, '{');
    json_add_text(out, "function_id", f->id);
    json_add_text(out, "name", f->name);
    json_add_int(out, "requests", metric_requests(m));
    json_add_int(out, "errors", errors);
    metrics_json_rate("error_rate", errors, m->sums[METRIC_OK] + errors, out);
    metrics_json_percentiles("run_ms", &m->histograms[METRIC_RUN], out);
    metrics_json_percentiles("total_ms", &m->histograms[METRIC_TOTAL], out);
    json_begin(out, "sparkline", '{');
    put_hours("requests", item->requests, hours, out);
    put_hours("errors", item->errors, hours, out);
    json_end(out, '}');
    json_add_int(out, "requests_ever", metric_requests(&item->ever));
    metrics_json_last(&item->ever, out);
    json_end(out, '}');
}

static int put_items(db_t *db, const access_t *access, const metrics_summary_t *what, int64_t to,
                     metric_function_t *functions, int count, buf_t *out, err_t *err)
{
    cleanup_free item_t *items = calloc(count ? (size_t)count : 1, sizeof *items);
    cleanup_free reading_t *r = calloc(1, sizeof *r);
    if (!items || !r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *r = (reading_t){.functions = functions,
                     .items = items,
                     .count = count,
                     .from = to - (int64_t)what->hours * HOUR_S};
    if (read_items(db, access, r, to, err) < 0)
        return -1;
    json_begin(out, NULL, '{');
    json_add_time(out, "from", r->from * 1000000);
    json_add_time(out, "to", to * 1000000);
    json_add_int(out, "step", HOUR_S);
    json_begin(out, "items", '[');
    for (int i = 0; i < count; i++)
        put_item(&functions[i], &items[i], what->hours, out);
    json_end(out, ']');
    return 0;
}

int metrics_summary(db_pool_t *pool, const access_t *access, const metrics_summary_t *what,
                    int64_t now, buf_t *out, err_t *err)
{
    char value[CURSOR_VALUE], before[ID_TEXT], next[CURSOR_TEXT] = "";
    if (what->cursor && cursor_read(what->cursor, value, before, err) < 0)
        return -1;
    // One more than a page tells whether there is another.
    const metric_function_filter_t filter = {.ids = what->ids,
                                             .id_count = what->id_count,
                                             .before = what->cursor ? before : NULL,
                                             .limit = what->limit + 1};
    metric_function_t functions[METRIC_SCOPES_MAX + 1];
    cleanup_db db_t *db = db_get(pool, err);
    int count = db ? metric_functions(db, access, &filter, functions, err) : -1;
    if (count < 0)
        return -1;
    if (count > what->limit) {
        count = what->limit;
        cursor_write(next, "", functions[count - 1].id);
    }
    int64_t to = now - now % HOUR_S + HOUR_S;
    if (put_items(db, access, what, to, functions, count, out, err) < 0)
        return -1;
    json_add_text(out, "next", next[0] ? next : NULL);
    json_end(out, '}');
    return 0;
}
