#include "keeper/cell.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"

#define TO(state) (1U << (state))

// Row: from; the bits are the states it may move to.
static const unsigned moves[CELL_STATE_COUNT] = {
    [CELL_CREATING] = TO(CELL_READY) | TO(CELL_DEAD),
    [CELL_READY] = TO(CELL_PREPARING) | TO(CELL_LEASED) | TO(CELL_DEAD),
    [CELL_PREPARING] = TO(CELL_PREPARED) | TO(CELL_DEAD),
    [CELL_PREPARED] = TO(CELL_LEASED) | TO(CELL_DEAD),
    [CELL_LEASED] = TO(CELL_IDLE) | TO(CELL_DEAD),
    [CELL_IDLE] = TO(CELL_LEASED) | TO(CELL_DEAD),
    [CELL_FOUND] = TO(CELL_LEASED) | TO(CELL_DEAD),
    [CELL_DEAD] = 0,
};

const char *cell_state_name(cell_state_t s)
{
    static const char *const names[CELL_STATE_COUNT] = {
#define X(name, text, counts) [name] = text,
        CELL_STATES(X)
#undef X
    };
    return names[s];
}

bool cell_state_counts(cell_state_t s)
{
    static const bool counted[CELL_STATE_COUNT] = {
#define X(name, text, counts) [name] = counts,
        CELL_STATES(X)
#undef X
    };
    return counted[s];
}

bool cell_may(cell_state_t from, cell_state_t to)
{
    return moves[from] & TO(to);
}

static uint32_t *place(const cell_t *c)
{
    return &c->census->n[c->body.language][c->body.runtime][c->state];
}

cell_t *cell_new(const ground_t *ground, const char *id, language_t language, runtime_t runtime,
                 cell_state_t state, census_t *census)
{
    cell_t *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    body_init(&c->body, ground, id);
    c->body.language = language;
    c->body.runtime = runtime;
    c->state = state;
    c->census = census;
    for (int i = 0; i < LEASE_FDS; i++)
        c->fds[i] = -1;
    c->code = -1;
    c->usage = (lease_usage_t){.memory_peak_bytes = -1, .exit_status = -1};
    c->peak_before = -1;
    ++*place(c);
    return c;
}

void cell_free(cell_t *c)
{
    --*place(c);
    cell_close_sockets(c);
    body_close(&c->body);
    free(c);
}

void cell_move(cell_t *c, cell_state_t to)
{
    if (!cell_may(c->state, to)) {
        log_error("a cell made a move that is not allowed", "cell", c->body.id, "from",
                  cell_state_name(c->state), "to", cell_state_name(to), NULL);
        abort();
    }
    log_debug("cell", "cell", c->body.id, "from", cell_state_name(c->state), "to",
              cell_state_name(to), NULL);
    --*place(c);
    c->state = to;
    ++*place(c);
}

void cell_retype(cell_t *c, language_t language, runtime_t runtime)
{
    --*place(c);
    c->body.language = language;
    c->body.runtime = runtime;
    ++*place(c);
}

void cell_close_sockets(cell_t *c)
{
    for (int i = 0; i < LEASE_FDS; i++)
        fd_close(&c->fds[i]);
    fd_close(&c->code);
    frame_reader_free(&c->reader);
    c->connected = 0;
}

uint32_t census_in(const census_t *census, cell_state_t state)
{
    uint32_t sum = 0;
    for (int l = 0; l < LANG_COUNT; l++)
        for (int r = 0; r < RUNTIME_COUNT; r++)
            sum += census->n[l][r][state];
    return sum;
}

uint32_t census_living(const census_t *census)
{
    uint32_t sum = 0;
    for (cell_state_t s = 0; s < CELL_STATE_COUNT; s++)
        if (cell_state_counts(s))
            sum += census_in(census, s);
    return sum;
}
