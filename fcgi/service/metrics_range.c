#include "service/metrics.h"

enum { DAY_S = 86400, DEFAULT_POINTS = 300 };

static int64_t default_step(int64_t seconds)
{
    static const int64_t steps[] = {60, 300, 900, 3600, 6 * 3600};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (seconds <= steps[i] * DEFAULT_POINTS)
            return steps[i];
    return DAY_S;
}

int metrics_range_complete(metrics_range_t *r, int64_t now, err_t *err)
{
    if (r->to < 0)
        r->to = r->from < 0 || r->from < now ? now : r->from + DAY_S;
    if (r->from < 0)
        r->from = r->to > DAY_S ? r->to - DAY_S : 0;
    if (r->from >= r->to)
        return err_set(err, ERR_INVALID, "from must be before to");
    if (!r->step)
        r->step = default_step(r->to - r->from);
    if (r->step % METRICS_STEP_MIN)
        return err_set(err, ERR_INVALID, "step must be whole minutes, in seconds");
    r->from -= r->from % r->step;
    r->to += r->step - 1 - (r->to - 1) % r->step;
    if ((r->to - r->from) / r->step > METRICS_POINTS_MAX)
        return err_set(err, ERR_INVALID, "this makes more than %d points; ask for a longer step",
                       METRICS_POINTS_MAX);
    return 0;
}

metric_level_t metrics_range_level(const metrics_range_t *r)
{
    int level = LEVEL_DAY;
    while (r->step % metric_level_seconds((metric_level_t)level))
        level--;
    return (metric_level_t)level;
}
