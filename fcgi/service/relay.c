#include "service/relay.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/str.h"

// As long as the keeper lets a request wait for a cell of short calls; then it is asked for another one.
enum { PATIENCE_MS = 20 };

enum {
    WAITING,
    CHOSEN, // to be handed a cell, in a moment
    HANDED,
    SENT, // to the keeper, with a place in the ring
};

typedef struct waiter {
    const relay_call_t *call;
    int64_t since_ns;
    atomic_int fate;
    sem_t told;                 // that it is HANDED or SENT
    struct waiter *prev, *next; // first come first
} waiter_t;

struct relay_ring {
    lease_request_t want; // of its first call: function, revision and runtime tell rings apart
    unsigned places;      // calls that have a cell of those that go round, or ask for one
    waiter_t *waiters;
    struct relay_ring *prev, *next;
};

struct relay {
    pthread_mutex_t lock;
    relay_ring_t *rings; // few: of functions whose calls are many and short
    unsigned places_max;
};

relay_t *relay_new(unsigned places)
{
    relay_t *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->places_max = places;
    return r;
}

void relay_free(relay_t *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void relay_cell_init(relay_cell_t *c)
{
    *c = (relay_cell_t){.fds = {-1, -1, -1}, .meter = {.cpu = -1, .peak = -1}, .calls = 1};
}

static relay_ring_t *find(const relay_t *r, const lease_request_t *want)
{
    relay_ring_t *ring;
    DL_FOREACH (r->rings, ring)
        if (ring->want.revision == want->revision && ring->want.runtime == want->runtime &&
            str_eq(ring->want.function_id, want->function_id))
            return ring;
    return NULL;
}

// Sends those who wait to the keeper while there are places, and ends a ring that nobody is in.
static void fill(relay_t *r, relay_ring_t *ring)
{
    while (ring->waiters && ring->places < r->places_max) {
        waiter_t *w = ring->waiters;
        ring->places++;
        DL_DELETE(ring->waiters, w);
        w->call->place->ring = ring;
        w->fate = SENT;
        sem_post(&w->told);
    }
    if (ring->places > 0)
        return;
    DL_DELETE(r->rings, ring);
    free(ring);
}

// Waits for a turn. Lets the lock go, which was held.
static void wait_turn(relay_t *r, relay_ring_t *ring, waiter_t *w)
{
    int64_t over_ns = w->since_ns + PATIENCE_MS * (int64_t)1000000;
    const struct timespec until = {.tv_sec = over_ns / 1000000000, .tv_nsec = over_ns % 1000000000};
    sem_init(&w->told, 0, 0);
    DL_APPEND(ring->waiters, w);
    pthread_mutex_unlock(&r->lock);
    int over;
    do
        over = sem_clockwait(&w->told, CLOCK_MONOTONIC, &until);
    while (over < 0 && errno == EINTR);
    if (over < 0) {
        pthread_mutex_lock(&r->lock);
        if (w->fate == WAITING)
            DL_DELETE(ring->waiters, w);
        pthread_mutex_unlock(&r->lock);
        while (w->fate != WAITING && sem_wait(&w->told) < 0)
            continue; // it was just chosen, and will be told
    }
    sem_destroy(&w->told);
}

bool relay_wait(relay_t *r, const relay_call_t *call)
{
    const lease_request_t *want = call->want;
    relay_place_t *place = call->place;
    waiter_t w = {.call = call, .since_ns = clock_mono_ns()};
    place->ring = NULL;
    if (want->isolation != ISOLATION_FUNCTION || !want->check_revision)
        return false;
    pthread_mutex_lock(&r->lock);
    relay_ring_t *ring = find(r, want);
    if (ring && ring->places >= r->places_max) {
        wait_turn(r, ring, &w);
        return w.fate == HANDED;
    }
    if (ring)
        ring->places++;
    place->ring = ring;
    pthread_mutex_unlock(&r->lock);
    return false;
}

void relay_join(relay_t *r, const lease_request_t *want, relay_place_t *place)
{
    if (place->ring)
        return;
    pthread_mutex_lock(&r->lock);
    relay_ring_t *ring = find(r, want);
    if (!ring && (ring = calloc(1, sizeof *ring)) != NULL) {
        ring->want = *want;
        DL_APPEND(r->rings, ring);
    }
    if (ring)
        ring->places++;
    place->ring = ring;
    pthread_mutex_unlock(&r->lock);
}

bool relay_is_wanted(relay_t *r, const relay_place_t *place)
{
    if (!place->ring)
        return false;
    pthread_mutex_lock(&r->lock);
    bool wanted = place->ring->waiters != NULL;
    pthread_mutex_unlock(&r->lock);
    return wanted;
}

// Not one that came after the term, maybe because of a change that was acknowledged at its end; nor one that does
// not know of a change that was acknowledged before it.
static bool may_have(const waiter_t *w, const lease_term_t *term)
{
    int64_t edition = w->call->want->edition;
    return w->since_ns < term->until_ns && (edition == EDITION_ANY || edition >= term->edition);
}

bool relay_pass(relay_t *r, relay_place_t *place, lease_client_t *keeper, const relay_cell_t *cell)
{
    if (!place->ring)
        return false;
    pthread_mutex_lock(&r->lock);
    waiter_t *w;
    DL_FOREACH (place->ring->waiters, w)
        if (may_have(w, &cell->term))
            break;
    if (w) {
        DL_DELETE(place->ring->waiters, w);
        w->fate = CHOSEN;
        w->call->place->ring = place->ring;
        place->ring = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    if (!w)
        return false;
    lease_client_swap(w->call->keeper, keeper);
    *w->call->cell = *cell;
    w->call->begin(w->call->ctx);
    w->fate = HANDED;
    sem_post(&w->told); // the last touch: it may be gone after this
    return true;
}

void relay_leave(relay_t *r, relay_place_t *place)
{
    if (!place->ring)
        return;
    pthread_mutex_lock(&r->lock);
    place->ring->places--;
    fill(r, place->ring);
    place->ring = NULL;
    pthread_mutex_unlock(&r->lock);
}
