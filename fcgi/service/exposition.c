#include "service/exposition.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "model/metric.h"
#include "service/exposition_text.h"

enum { US = 1000000 };

// ---- what is read

// Of a scope and runtime, as much as is shown.
typedef struct {
    int64_t sums[METRIC_SUM_COUNT];
    int64_t memory_max_bytes;
    uint64_t buckets[METRIC_PHASES][METRIC_BOUND_COUNT + 1]; // cumulative, the last is all
} figures_t;

typedef struct {
    const char *id, *name, *owner; // name NULL: everything the login may see
    figures_t figures[RUNTIME_COUNT];
} shown_t;

typedef struct {
    shown_t *scopes;
    size_t count;
    metric_t row; // the one that was placed last, not yet taken
    figures_t *into;
} reading_t;

static void take_row(reading_t *r)
{
    if (!r->into)
        return;
    for (int i = 0; i < METRIC_SUM_COUNT; i++)
        r->into->sums[i] = r->row.sums[i];
    r->into->memory_max_bytes = r->row.memory_max_bytes;
    for (int p = 0; p < METRIC_PHASES; p++) {
        const histogram_t *h = &r->row.histograms[p];
        for (int b = 0; b < METRIC_BOUND_COUNT; b++)
            r->into->buckets[p][b] = histogram_count_to(h, METRIC_BOUNDS_US[b]);
        r->into->buckets[p][METRIC_BOUND_COUNT] = histogram_count(h);
    }
    r->into = NULL;
    r->row = (metric_t){0};
}

static metric_t *place(void *ctx, const metric_key_t *key)
{
    reading_t *r = ctx;
    take_row(r);
    for (size_t i = 0; i < r->count; i++) {
        if (!str_eq(r->scopes[i].id, key->scope_id))
            continue;
        r->into = &r->scopes[i].figures[key->runtime];
        return &r->row;
    }
    return NULL;
}

static int read_scopes(db_t *db, const access_t *access, shown_t *scopes, size_t count, err_t *err)
{
    cleanup_free reading_t *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (size_t done = 0; done < count; done += r->count) {
        const char *ids[METRIC_SCOPES_MAX];
        r->scopes = scopes + done;
        r->count = count - done < METRIC_SCOPES_MAX ? count - done : METRIC_SCOPES_MAX;
        for (size_t i = 0; i < r->count; i++)
            ids[i] = r->scopes[i].id;
        const metric_filter_t filter = {
            .level = LEVEL_TOTAL, .scopes = ids, .scope_count = r->count, .runtime = -1};
        if (metric_read(db, access, &filter, place, r, err) < 0)
            return -1;
        take_row(r);
    }
    return 0;
}

// ---- counters and histograms

// A function is shown with the runtimes it ran on.
static bool is_shown(const shown_t *s, int runtime)
{
    bool ran = false;
    for (int i = METRIC_OK; i < METRIC_STATUS_COUNT; i++)
        ran = ran || s->figures[runtime].sums[i];
    return ran || !s->name;
}

static labels_t labels_of(const shown_t *s, int runtime, const char *name, const char *value)
{
    labels_t labels = {0};
    int n = 0;
    if (s->name) {
        labels.items[n++] = (label_t){"function", s->name};
        labels.items[n++] = (label_t){"owner", s->owner};
    }
    labels.items[n++] = (label_t){"runtime", runtime_name((runtime_t)runtime)};
    if (name)
        labels.items[n] = (label_t){name, value};
    return labels;
}

static void put_sums(buf_t *out, const char *name, const shown_t *scopes, size_t count, int first,
                     int last, const char *label, const char *const *words)
{
    for (size_t s = 0; s < count; s++)
        for (int r = 0; r < RUNTIME_COUNT; r++)
            for (int i = first; i <= last && is_shown(&scopes[s], r); i++) {
                labels_t labels = labels_of(&scopes[s], r, label, words ? words[i - first] : NULL);
                exposition_int(out, name, &labels, scopes[s].figures[r].sums[i]);
            }
}

static void put_seconds(buf_t *out, const char *name, const shown_t *scopes, size_t count, int sum)
{
    for (size_t s = 0; s < count; s++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            if (!is_shown(&scopes[s], r))
                continue;
            labels_t labels = labels_of(&scopes[s], r, NULL, NULL);
            exposition_scaled(out, name, &labels, scopes[s].figures[r].sums[sum], US);
        }
}

static void put_histogram(buf_t *out, const char *family, const shown_t *s, int runtime, int phase)
{
    char name[80], le[24];
    const figures_t *f = &s->figures[runtime];
    snprintf(name, sizeof name, "%s_bucket", family);
    for (int b = 0; b <= METRIC_BOUND_COUNT; b++) {
        snprintf(le, sizeof le, "+Inf");
        if (b < METRIC_BOUND_COUNT)
            snprintf(le, sizeof le, "%g", (double)METRIC_BOUNDS_US[b] / US);
        labels_t labels = labels_of(s, runtime, "le", le);
        exposition_int(out, name, &labels, (int64_t)f->buckets[phase][b]);
    }
    labels_t labels = labels_of(s, runtime, NULL, NULL);
    snprintf(name, sizeof name, "%s_sum", family);
    exposition_scaled(out, name, &labels, f->sums[METRIC_QUEUE_US + phase], US);
    snprintf(name, sizeof name, "%s_count", family);
    exposition_int(out, name, &labels, (int64_t)f->buckets[phase][METRIC_BOUND_COUNT]);
}

static void put_histograms(buf_t *out, const char *family, const char *help, const shown_t *scopes,
                           size_t count, int phase)
{
    exposition_family(out, family, "histogram", help);
    for (size_t s = 0; s < count; s++)
        for (int r = 0; r < RUNTIME_COUNT; r++)
            if (is_shown(&scopes[s], r))
                put_histogram(out, family, &scopes[s], r, phase);
}

static void put_whole(buf_t *out, const shown_t *all)
{
    static const char *const starts[] = {"cold", "prewarmed", "warm"};
    exposition_family(out, "cloche_calls_total", "counter", "Calls by runtime and status.");
    put_sums(out, "cloche_calls_total", all, 1, METRIC_OK, METRIC_CANCELLED, "status",
             INVOCATION_STATUS_WORDS);
    exposition_family(out, "cloche_starts_total", "counter",
                      "Calls that had a container, by how it came.");
    put_sums(out, "cloche_starts_total", all, 1, METRIC_COLD, METRIC_WARM, "start", starts);
    put_histograms(out, "cloche_call_queue_seconds", "From arrival to a container.", all, 1,
                   METRIC_QUEUE);
    put_histograms(out, "cloche_call_init_seconds", "Loading the code.", all, 1, METRIC_INIT);
    put_histograms(out, "cloche_call_run_seconds", "Running the handler.", all, 1, METRIC_RUN);
    put_histograms(out, "cloche_call_duration_seconds", "From arrival to the answer.", all, 1,
                   METRIC_TOTAL);
    exposition_family(out, "cloche_call_cpu_seconds_total", "counter", "CPU time of calls.");
    put_seconds(out, "cloche_call_cpu_seconds_total", all, 1, METRIC_CPU_US);
    exposition_family(out, "cloche_request_bytes_total", "counter", "Bytes of request bodies.");
    put_sums(out, "cloche_request_bytes_total", all, 1, METRIC_REQUEST_BYTES, METRIC_REQUEST_BYTES,
             NULL, NULL);
    exposition_family(out, "cloche_response_bytes_total", "counter", "Bytes of answers' bodies.");
    put_sums(out, "cloche_response_bytes_total", all, 1, METRIC_RESPONSE_BYTES,
             METRIC_RESPONSE_BYTES, NULL, NULL);
}

static void put_functions(buf_t *out, const shown_t *scopes, size_t count)
{
    exposition_family(out, "cloche_function_calls_total", "counter",
                      "Calls of a function by runtime and status; only the busiest functions.");
    put_sums(out, "cloche_function_calls_total", scopes, count, METRIC_OK, METRIC_CANCELLED,
             "status", INVOCATION_STATUS_WORDS);
    put_histograms(out, "cloche_function_run_seconds", "Running the handler of a function.", scopes,
                   count, METRIC_RUN);
    put_histograms(out, "cloche_function_duration_seconds",
                   "From the arrival of a function's call to its answer.", scopes, count,
                   METRIC_TOTAL);
    exposition_family(out, "cloche_function_cpu_seconds_total", "counter",
                      "CPU time of a function's calls.");
    put_seconds(out, "cloche_function_cpu_seconds_total", scopes, count, METRIC_CPU_US);
    exposition_family(out, "cloche_function_memory_peak_bytes", "gauge",
                      "Greatest peak memory of any call of a function.");
    for (size_t s = 0; s < count; s++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            if (!is_shown(&scopes[s], r))
                continue;
            labels_t labels = labels_of(&scopes[s], r, NULL, NULL);
            exposition_int(out, "cloche_function_memory_peak_bytes", &labels,
                           scopes[s].figures[r].memory_max_bytes);
        }
}

// ---- gauges

static void put_gauge(buf_t *out, const char *name, const char *help, int64_t value)
{
    exposition_family(out, name, "gauge", help);
    exposition_int(out, name, LABELS({0}), value);
}

static void put_part(buf_t *out, const char *part, bool up)
{
    exposition_int(out, "cloche_part_up", LABELS({"part", part}), up);
}

static void put_cells(buf_t *out, const lease_counts_t *keeper)
{
    exposition_family(out, "cloche_cells", "gauge", "Containers by language, runtime and state.");
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++) {
            const lease_pool_t *pool = &keeper->pools[l][r];
            const label_t language = {"language", language_name((language_t)l)},
                          runtime = {"runtime", runtime_name((runtime_t)r)};
            exposition_int(out, "cloche_cells", LABELS(language, runtime, {"state", "ready"}),
                           pool->ready);
            exposition_int(out, "cloche_cells", LABELS(language, runtime, {"state", "creating"}),
                           pool->creating);
            exposition_int(out, "cloche_cells", LABELS(language, runtime, {"state", "leased"}),
                           pool->leased);
            exposition_int(out, "cloche_cells", LABELS(language, runtime, {"state", "idle"}),
                           pool->idle);
        }
    exposition_family(out, "cloche_runtime_available", "gauge",
                      "Whether the machine has the runtime.");
    for (int r = 0; r < RUNTIME_COUNT; r++)
        exposition_int(out, "cloche_runtime_available",
                       LABELS({"runtime", runtime_name((runtime_t)r)}),
                       keeper->pools[0][r].available);
    put_gauge(out, "cloche_cells_limit", "Most containers at once.", keeper->max_cells);
    put_gauge(out, "cloche_queued_calls", "Calls that wait for a container.", keeper->queued);
}

static void put_journal(buf_t *out, const journal_depth_t *depth)
{
    put_gauge(out, "cloche_journal_records", "Records that wait for the database.",
              (int64_t)depth->records);
    put_gauge(out, "cloche_journal_bytes", "The same in bytes.", (int64_t)depth->bytes);
    exposition_family(out, "cloche_journal_oldest_seconds", "gauge",
                      "How long the oldest record has waited.");
    exposition_scaled(out, "cloche_journal_oldest_seconds", LABELS({0}), depth->oldest_ms, 1000);
    put_gauge(out, "cloche_journal_segments", "Files of the journal.", depth->segments);
    put_gauge(out, "cloche_journal_damaged_segments", "Files that were set aside, damaged.",
              depth->set_aside);
}

static void put_state(buf_t *out, const exposition_state_t *state)
{
    exposition_family(out, "cloche_part_up", "gauge", "Whether a part of the service answers.");
    put_part(out, "database", true); // without it there is no login and no answer
    put_part(out, "keeper", state->keeper != NULL);
    put_part(out, "engine", state->keeper && state->keeper->engine_ok);
    put_part(out, "journal", state->journal != NULL);
    if (state->keeper)
        put_cells(out, state->keeper);
    if (state->journal)
        put_journal(out, state->journal);
    put_gauge(out, "cloche_database_connections_limit",
              "Most database connections of the process that answers.",
              state->database.connections);
    put_gauge(out, "cloche_database_connections_open", "Those that are open.",
              state->database.open);
    put_gauge(out, "cloche_database_connections_in_use", "Those that are in use.",
              state->database.in_use);
}

// ---- all of it

int exposition_write(db_pool_t *pool, const access_t *access, int functions,
                     const exposition_state_t *state, buf_t *out, err_t *err)
{
    size_t room = (size_t)functions + 1;
    cleanup_free metric_function_t *named = calloc(room, sizeof *named);
    cleanup_free shown_t *scopes = calloc(room, sizeof *scopes);
    cleanup_db db_t *db = db_get(pool, err);
    if (!db)
        return -1;
    if (!named || !scopes)
        return err_set(err, ERR_INTERNAL, "out of memory");
    int count = metric_busiest(db, access, named, functions, err);
    if (count < 0)
        return -1;
    scopes[0].id = metric_whole(access);
    for (int i = 0; i < count; i++) {
        scopes[i + 1].id = named[i].id;
        scopes[i + 1].name = named[i].name;
        scopes[i + 1].owner = named[i].owner;
    }
    if (read_scopes(db, access, scopes, (size_t)count + 1, err) < 0)
        return -1;
    put_whole(out, scopes);
    put_functions(out, scopes + 1, (size_t)count);
    put_state(out, state);
    return 0;
}
