#include "keeper/heat.h"

#include <math.h>

#define WINDOW_S 60.0
#define COLD_SHARE 0.25 // of the calls that make it hot; with fewer it is not any more,
#define UNUSED_S 120    // nor when there was none for so long, however many came before

static double calls_at(const heat_t *h, int64_t now_ns)
{
    return h->calls * exp(-(double)(now_ns - h->calls_ns) / 1e9 / WINDOW_S);
}

void heat_called(heat_t *h, int64_t now_ns)
{
    h->calls = calls_at(h, now_ns) + 1;
    h->calls_ns = now_ns;
    pool_demand_taken(&h->demand, now_ns);
}

void heat_loaded(heat_t *h, int64_t took_ns)
{
    pool_demand_made(&h->demand, took_ns);
}

uint32_t heat_size(heat_t *h, int64_t now_ns, uint32_t after, uint32_t most)
{
    double calls = calls_at(h, now_ns);
    // Rounded, as calls that follow each other closely count for a little less than one each.
    if (round(calls) >= after)
        h->hot = true;
    if (calls < COLD_SHARE * after || now_ns - h->calls_ns > UNUSED_S * 1000000000LL)
        h->hot = false;
    if (!h->hot || most == 0) {
        h->demand.size = 0;
        return 0;
    }
    return pool_demand_size(&h->demand, now_ns, 1, most);
}

bool heat_has_room(const heat_room_t *room)
{
    uint32_t spared = room->have ? room->ready_size / 2 : 0;
    return !room->tight && room->kept < room->max_kept && room->cells < room->max_cells &&
           room->ready > spared && room->preparing < room->max_preparing;
}
