// Prepared cells: a ready cell is sent the code of a function that is called often, loads it, and waits,
// frozen, for the function's next request. It has never seen one.
//
// From the INIT frame on, the cell runs the function's code and is hostile. Of what it says here only one
// frame is looked at, READY, and that is compared, not parsed. Its log stays in its sockets for the call
// that gets it: a load that fills them hangs, and the load has a bound.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/retry.h"

enum {
    PIECE = 64 * 1024, // of the INIT frame in one go: others wait for their turn
    RETRY_MS = 30000,  // after a load that failed, doubled with each
    RETRY_MAX_MS = 3600000,
    UNUSED_MS = 10000, // a prepared cell may be given up for another function's after this
    CELLS_SHARE = 4,   // of max_cells, the part that may be prepared
};

// What a runner sends for a module and for a script, to the byte.
static const char module_ready[] = "{\"script\":false}";
static const char script_ready[] = "{\"script\":true}";

// ---- counting

uint32_t prepare_count(const keeper_t *k)
{
    return census_in(&k->census, CELL_PREPARING) + census_in(&k->census, CELL_PREPARED);
}

static uint32_t most_cells(const keeper_t *k)
{
    uint32_t share = k->max_cells / CELLS_SHARE, set = (uint32_t)k->config->prepared_cells;
    return share < set ? share : set;
}

// One function may have half of them all.
static uint32_t wanted_size(keeper_t *k, code_t *code)
{
    uint32_t all = most_cells(k), most = all > 1 ? all / 2 : all;
    if (most > code->want.max_concurrency)
        most = code->want.max_concurrency;
    return heat_size(&code->heat, clock_mono_ns(), (uint32_t)k->config->prepare_after, most);
}

static bool may_load(const code_t *code)
{
    return !code->script && !code->quick && clock_mono_ns() >= code->retry_ns;
}

static bool is_preparation(const cell_t *c)
{
    return c->state == CELL_PREPARING || c->state == CELL_PREPARED;
}

static code_t *code_of(keeper_t *k, const lease_request_t *want)
{
    code_t *code = codes_find(&k->codes, want->function_id, (runtime_t)want->runtime);
    return code && roster_alike(&code->want, want) ? code : NULL;
}

// ---- the code

void prepare_called(client_t *client, bool prepared)
{
    keeper_t *k = client->keeper;
    const lease_request_t *want = &client->cell->want;
    if (want->isolation != ISOLATION_REQUEST || !want->check_revision || most_cells(k) == 0)
        return;
    code_t *code = codes_use(&k->codes, want);
    if (!code)
        return;
    heat_called(&code->heat, clock_mono_ns());
    if (prepared)
        code->failures = 0;
    if (code->fd >= 0 || code->asked || !may_load(code) || wanted_size(k, code) == 0)
        return;
    code->asked = client->asked = true;
    client_tell(client, MSG_NEED_CODE);
}

// What the client was asked for, if it is still wanted.
static code_t *take_question(client_t *client)
{
    code_t *code = client->asked ? code_of(client->keeper, &client->cell->want) : NULL;
    client->asked = false;
    if (code)
        code->asked = false;
    return code;
}

bool prepare_take_code(client_t *client, int fd)
{
    keeper_t *k = client->keeper;
    err_t err;
    bool asked = client->asked;
    code_t *code = take_question(client);
    if (!code) {
        fd_close(&fd);
        return asked;
    }
    if (codes_store(&k->codes, code, fd, &err) < 0) {
        log_fail(LOG_WARN, "a worker's code is refused", &err, NULL);
        return false;
    }
    supply_balance(k);
    return true;
}

void prepare_unask(client_t *client)
{
    take_question(client);
}

void prepare_changed(keeper_t *k, const function_t *f)
{
    for (int r = 0; r < RUNTIME_COUNT; r++) {
        code_t *code = codes_find(&k->codes, f->id, (runtime_t)r);
        revision_check_t check = code ? roster_check(f, &code->want) : REVISION_OK;
        if (check == REVISION_GONE)
            codes_remove(&k->codes, code);
        else if (check == REVISION_STALE)
            codes_drop(&k->codes, code);
    }
}

// ---- loading

static void note_failure(cell_t *c, const char *why)
{
    code_t *code = code_of(c->keeper, &c->want);
    if (code)
        code->retry_ns = in_ms(clock_mono_ns(), retry_ms(RETRY_MS, code->failures++, RETRY_MAX_MS));
    log_info("a function's code cannot be loaded ahead of its requests", "function",
             c->want.function_id, "cell", c->body.id, "why", why, NULL);
}

void prepare_failed(cell_t *c, const char *why)
{
    keeper_t *k = c->keeper;
    note_failure(c, why);
    supply_end(c);
    supply_balance(k);
}

static void on_late(alarm_t *alarm)
{
    prepare_failed(alarm->owner, "it was not loaded in time");
}

// Whoever loads quickly is found out by its first prepared cell, which serves as such; no other follows.
static void note_load(code_t *code, int64_t took_ns, int64_t from_ms)
{
    heat_loaded(&code->heat, took_ns);
    code->quick = took_ns < from_ms * 1000000;
}

static void loaded(cell_t *c)
{
    keeper_t *k = c->keeper;
    code_t *code = code_of(k, &c->want);
    if (code)
        note_load(code, clock_mono_ns() - c->since_ns, k->config->prepare_from_ms);
    frame_reader_free(&c->reader);
    DL_DELETE(k->idle, c);
    cell_move(c, CELL_PREPARED);
    idle_wait(c);
    lease_serve(k);
    supply_balance(k);
}

static void is_script(cell_t *c)
{
    keeper_t *k = c->keeper;
    code_t *code = code_of(k, &c->want);
    if (code)
        code->script = true;
    supply_end(c);
    supply_balance(k);
}

static bool says(const frame_t *frame, const char *text)
{
    return frame->type == FRAME_READY && frame->len == strlen(text) &&
           memcmp(frame->payload, text, frame->len) == 0;
}

static void hear(cell_t *c)
{
    frame_t frame;
    err_t err;
    int n = frame_read(&c->reader, c->control.fd, &err);
    if (n > 0)
        n = frame_next(&c->reader, &frame, &err);
    bool alone =
        c->code < 0 && c->reader.in.len == c->reader.taken; // after all of INIT, nothing behind
    if (n == 0 && c->reader.in.len < FRAME_HEADER + sizeof module_ready)
        return;
    if (n > 0 && alone && says(&frame, module_ready))
        loaded(c);
    else if (n > 0 && alone && says(&frame, script_ready))
        is_script(c);
    else
        prepare_failed(c, n < 0 ? err.msg : "it sent something else than a lone READY");
}

// Sends a piece of the INIT frame without waiting. -1 when the cell takes no more.
static int send_piece(cell_t *c)
{
    char piece[PIECE];
    ssize_t n = pread(c->code, piece, sizeof piece, c->code_sent);
    ssize_t sent = n > 0 ? send(c->control.fd, piece, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) : n;
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    c->code_sent += sent;
    if (c->code_sent < c->code_size)
        return n > 0 ? 0 : -1;
    fd_close(&c->code);
    return loop_watch(c->keeper->loop, &c->control, EPOLLIN, NULL);
}

static void on_control(watch_t *w, uint32_t events)
{
    cell_t *c = w->owner;
    if (c->state == CELL_PREPARED)
        prepare_failed(c, "it spoke or left before it had a request");
    else if (events & ~(uint32_t)EPOLLOUT)
        hear(c);
    else if (send_piece(c) < 0)
        prepare_failed(c, "it does not take its code");
}

// The cell has the function's limits before it has its code.
static int begin(cell_t *c, const code_t *code, err_t *err)
{
    keeper_t *k = c->keeper;
    if (lease_fit(c, &code->want, err) < 0)
        return -1;
    c->code = fcntl(code->fd, F_DUPFD_CLOEXEC, 0); // the code may be let go meanwhile
    if (c->code < 0)
        return err_errno(err, "the code of a function");
    c->code_sent = 0;
    c->code_size = (off_t)code->size;
    frame_reader_init(&c->reader);
    c->control = (watch_t){.fn = on_control, .owner = c, .fd = c->fds[0]};
    return loop_watch(k->loop, &c->control, EPOLLIN | EPOLLOUT, err);
}

static void prepare(cell_t *c, const code_t *code)
{
    keeper_t *k = c->keeper;
    const lease_request_t *want = &code->want;
    int64_t now = clock_mono_ns(), bound = k->config->prepare_timeout_ms;
    err_t err;
    supply_take(c);
    pool_demand_taken(&keeper_pool(k, c)->demand, now);
    cell_move(c, CELL_PREPARING);
    DL_APPEND(k->idle, c);
    c->want = *want;
    c->since_ns = now;
    if (begin(c, code, &err) < 0) {
        note_failure(c, err.msg);
        supply_end(c);
        return;
    }
    c->alarm.fn = on_late;
    loop_arm(k->loop, &c->alarm, in_ms(now, want->timeout_ms < bound ? want->timeout_ms : bound));
}

// ---- balance

// Counts the cells of each code, and ends those whose code is not the newest or that are too many.
static void drop_surplus(keeper_t *k)
{
    code_t *code;
    cell_t *c, *next;
    for (code = k->codes.by_key; code; code = code->hh.next)
        code->have = 0;
    DL_FOREACH (k->idle, c)
        if (is_preparation(c) && (code = code_of(k, &c->want)))
            code->have++;
    DL_FOREACH_SAFE (k->idle, c, next) {
        if (!is_preparation(c))
            continue;
        code = code_of(k, &c->want);
        if (code && code->have <= wanted_size(k, code))
            continue;
        if (code)
            code->have--;
        supply_end(c);
    }
}

// A ready cell that has the function's settings; NULL without a freezer, for what is not frozen could work on
// unseen.
static cell_t *find_cell(const keeper_t *k, const code_t *code)
{
    cell_t *c;
    DL_FOREACH (k->pools[code->want.language][code->want.runtime].ready, c)
        if (c->body.disk_mb == code->want.disk_mb && cgroup_freezable(&c->body.group))
            return c;
    return NULL;
}

static bool is_due(keeper_t *k, code_t *code)
{
    bool lacks = code->fd >= 0 && may_load(code) && code->have < wanted_size(k, code);
    return !supply_put_off(k, &code->short_ns, lacks) && lacks;
}

// Of those that have too few cells, and not just for a moment, the one with the fewest, the last called of several, or NULL.
static code_t *neediest(keeper_t *k)
{
    code_t *found = NULL;
    for (code_t *code = k->codes.by_key; code; code = code->hh.next)
        if (is_due(k, code) && find_cell(k, code) && (!found || code->have <= found->have))
            found = code;
    return found;
}

// Gives up the prepared cell of another function that is unused for longest, if that is long enough.
static void make_room(keeper_t *k, const code_t *for_whom)
{
    int64_t now = clock_mono_ns();
    cell_t *c;
    DL_FOREACH (k->idle, c) {
        if (!is_preparation(c) || roster_alike(&c->want, &for_whom->want))
            continue;
        if (now >= in_ms(c->since_ns, UNUSED_MS))
            supply_end(c);
        return;
    }
}

static bool has_room(const keeper_t *k, const code_t *code)
{
    const pool_t *pool = &k->pools[code->want.language][code->want.runtime];
    const uint32_t *in = k->census.n[code->want.language][code->want.runtime];
    heat_room_t room = {.cells = census_living(&k->census),
                        .max_cells = k->max_cells,
                        .preparing = census_in(&k->census, CELL_PREPARING),
                        .max_preparing = k->launches / 2 + 1,
                        .kept = prepare_count(k),
                        .max_kept = most_cells(k),
                        .have = code->have,
                        .ready = in[CELL_READY],
                        .ready_size = pool->demand.size,
                        .tight = k->tight};
    return heat_has_room(&room) && !memory_is_short(code->want.memory_mb);
}

bool prepare_balance(keeper_t *k)
{
    if (k->stopping || most_cells(k) == 0)
        return false;
    drop_surplus(k);
    code_t *code = neediest(k);
    if (!code)
        return false;
    if (prepare_count(k) >= most_cells(k))
        make_room(k, code);
    if (!has_room(k, code))
        return false;
    prepare(find_cell(k, code), code);
    return true;
}
