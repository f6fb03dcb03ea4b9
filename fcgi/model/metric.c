#include "model/metric.h"

#include <string.h>

#include "base/str.h"

const int64_t METRIC_BOUNDS_US[METRIC_BOUND_COUNT] = {
    1000,   2500,    5000,    10000,   25000,    50000,    100000,   250000,
    500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000,
};

static void add_known(int64_t *sum, int64_t value)
{
    if (value > 0)
        *sum += value;
}

static metric_error_t *error_of(metric_t *m, const char *type)
{
    bool other = str_eq(type, METRIC_OTHER_ERROR);
    for (size_t i = 0; i < m->error_count; i++)
        if (str_eq(m->errors[i].type, type))
            return &m->errors[i];
    // The last place is for all others.
    if (m->error_count + !other >= METRIC_ERRORS_MAX)
        return error_of(m, METRIC_OTHER_ERROR);
    metric_error_t *added = &m->errors[m->error_count++];
    str_copy(added->type, sizeof added->type, type);
    added->count = 0;
    return added;
}

void metric_add_error(metric_t *m, const char *type, int64_t count)
{
    char name[METRIC_ERROR_TEXT];
    if (!str_copy(name, sizeof name, type))
        name[str_utf8_cut(name, strlen(name))] = '\0';
    error_of(m, name)->count += count;
}

void metric_add(metric_t *m, const invocation_t *inv)
{
    const int64_t phases[METRIC_PHASES] = {inv->queue_us, inv->init_us, inv->run_us, inv->total_us};
    m->sums[METRIC_OK + inv->status]++;
    if (inv->start >= 0)
        m->sums[METRIC_COLD + inv->start]++;
    for (int i = 0; i < METRIC_PHASES; i++) {
        add_known(&m->sums[METRIC_QUEUE_US + i], phases[i]);
        histogram_add(&m->histograms[i], phases[i]);
    }
    add_known(&m->sums[METRIC_CPU_US], inv->cpu_us);
    add_known(&m->sums[METRIC_REQUEST_BYTES], inv->request_bytes);
    add_known(&m->sums[METRIC_RESPONSE_BYTES], inv->response_bytes);
    if (inv->memory_peak_bytes > 0)
        histogram_add(&m->histograms[METRIC_MEMORY], inv->memory_peak_bytes / 1024);
    if (inv->memory_peak_bytes > m->memory_max_bytes)
        m->memory_max_bytes = inv->memory_peak_bytes;
    uint8_t id[ID_BYTES];
    if (id_to_bytes(inv->id, id) && memcmp(id, m->last_id, ID_BYTES) > 0) {
        memcpy(m->last_id, id, ID_BYTES);
        m->last_status = inv->status;
    }
    if (inv->error_type)
        metric_add_error(m, inv->error_type, 1);
}

void metric_merge(metric_t *into, const metric_t *from)
{
    for (int i = 0; i < METRIC_SUM_COUNT; i++)
        into->sums[i] += from->sums[i];
    for (int i = 0; i < METRIC_HISTOGRAMS; i++)
        histogram_merge(&into->histograms[i], &from->histograms[i]);
    if (from->memory_max_bytes > into->memory_max_bytes)
        into->memory_max_bytes = from->memory_max_bytes;
    if (memcmp(from->last_id, into->last_id, ID_BYTES) > 0) {
        memcpy(into->last_id, from->last_id, ID_BYTES);
        into->last_status = from->last_status;
    }
    for (size_t i = 0; i < from->error_count; i++)
        metric_add_error(into, from->errors[i].type, from->errors[i].count);
}

int64_t metric_requests(const metric_t *m)
{
    int64_t sum = 0;
    for (int i = 0; i < METRIC_STATUS_COUNT; i++)
        sum += m->sums[i];
    return sum;
}

int64_t metric_errors(const metric_t *m)
{
    return metric_requests(m) - m->sums[METRIC_OK] - m->sums[METRIC_CANCELLED];
}

const char *metric_whole(const access_t *access)
{
    return access_everywhere(access, SCOPE_METRICS_READ) ? METRIC_SYSTEM : access->user_id;
}
