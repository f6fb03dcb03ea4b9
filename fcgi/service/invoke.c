#include "service/invoke.h"

#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/json.h"
#include "service/call_log.h"
#include "service/cell_session.h"
#include "service/invoke_frames.h"
#include "service/invoke_record.h"
#include "service/lease_client.h"
#include "service/relay.h"

enum {
    QUEUE_GRACE_MS = 2000,  // the keeper refuses on time; this is for a keeper that is away
    DEADLINE_GRACE_MS = 25, // the keeper acts on the deadline; this is for when it cannot tell us
    HOLD_RETRY_MS = 50,
    PLACES_MIN = 2, // of a function's calls in a relay: one is at work while the next begins
};

struct invoker {
    const config_t *config;
    relay_t *relay;
    char socket[108];
};

struct invoker_thread {
    invoker_t *invoker;
    lease_client_t keeper;
    int64_t edition;
};

// One call while it runs.
typedef struct {
    invoker_thread_t *thread;
    const invoke_call_t *call;
    invocation_t *record;
    invoke_answer_t *answer;
    lease_request_t want;
    call_log_t log;
    cell_session_t session;
    relay_cell_t cell; // its sockets are the session's meanwhile
    relay_place_t place;
    int64_t granted_ns;
    int64_t next_hold_ns; // not before this is a lost keeper looked for again
    crypto_hash_sha256_state output;
    lease_why_t killed; // the keeper said so, or our own timer
    bool hung_up;
} run_t;

const char *invoke_phase_name(invoke_phase_t phase)
{
    static const char *const names[] = {"queued", "launching", "loading", "running"};
    return names[phase];
}

void invoke_answer_free(invoke_answer_t *answer)
{
    cJSON_Delete(answer->headers);
    buf_free(&answer->body);
    *answer = (invoke_answer_t){0};
}

int invoker_open(const config_t *config, invoker_t **out, err_t *err)
{
    cleanup_free invoker_t *invoker = calloc(1, sizeof *invoker);
    if (!invoker)
        return err_errno(err, "invoker");
    invoker->config = config;
    if (config_socket_path(config, "keeper.sock", invoker->socket, err) < 0)
        return -1;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    invoker->relay = relay_new(cores > PLACES_MIN ? (unsigned)cores : PLACES_MIN);
    if (!invoker->relay)
        return err_errno(err, "invoker");
    *out = invoker;
    invoker = NULL;
    return 0;
}

void invoker_close(invoker_t *invoker)
{
    relay_free(invoker->relay);
    free(invoker);
}

invoker_thread_t *invoker_thread_new(invoker_t *invoker)
{
    invoker_thread_t *thread = calloc(1, sizeof *thread);
    if (thread) {
        thread->invoker = invoker;
        lease_client_init(&thread->keeper, invoker->socket);
    }
    return thread;
}

void invoker_thread_free(invoker_thread_t *thread)
{
    if (thread)
        lease_client_close(&thread->keeper);
    free(thread);
}

static void phase(const invoke_call_t *call, invoke_phase_t now)
{
    if (call->sink && call->sink->phase)
        call->sink->phase(call->sink->ctx, now, (clock_mono_ns() - call->arrived_ns) / 1000);
}

// ---- the record

static void set_failure(run_t *run, invocation_status_t status, const char *type,
                        const char *message)
{
    invocation_t *r = run->record;
    r->status = status;
    free(r->error_type);
    free(r->error_message);
    r->error_type = strdup(type);
    r->error_message = strdup(message);
}

static int64_t us_between(int64_t from_ns, int64_t to_ns)
{
    return (to_ns - from_ns) / 1000;
}

static void set_phases(run_t *run, int64_t ended_ns)
{
    invocation_t *r = run->record;
    const cell_session_t *s = &run->session;
    r->queue_us = us_between(run->call->arrived_ns, run->granted_ns);
    int64_t ready_ns = run->cell.grant.prepared ? run->granted_ns : s->ready_ns;
    r->init_us = us_between(run->granted_ns, ready_ns ? ready_ns : ended_ns);
    r->run_us = ready_ns ? us_between(ready_ns, ended_ns) : -1;
}

static const char *content_type(const cJSON *headers)
{
    const cJSON *pair;
    cJSON_ArrayForEach (pair, headers) {
        if (str_ieq(cJSON_GetArrayItem(pair, 0)->valuestring, "content-type"))
            return cJSON_GetArrayItem(pair, 1)->valuestring;
    }
    return "";
}

static void hash_body(run_t *run, const char *data, size_t len)
{
    crypto_hash_sha256_update(&run->output, (const unsigned char *)data, len);
}

static void hash_head(run_t *run, const cJSON *headers)
{
    const char *type = content_type(headers);
    crypto_hash_sha256_init(&run->output);
    hash_body(run, type, strlen(type) + 1);
}

static void take_answer(run_t *run)
{
    cell_session_t *s = &run->session;
    invoke_answer_t *a = run->answer;
    a->http_status = s->status;
    a->headers = s->headers;
    s->headers = NULL;
    a->body = s->body;
    s->body = BUF_INIT(FRAME_RESPONSE_MAX);
    if (!a->streamed) {
        hash_head(run, a->headers);
        hash_body(run, buf_str(&a->body), a->body.len);
    }
    crypto_hash_sha256_final(&run->output, run->record->output_hash);
    run->record->has_output_hash = true;
    run->record->http_status = s->status;
}

// A process that went without an answer.
static void set_crash(run_t *run, int exit_status)
{
    char text[120];
    const char *type = "Exit";
    if (exit_status >= 0 && WIFSIGNALED(exit_status)) {
        type = "Signal";
        snprintf(text, sizeof text, "the process was ended by signal %d before it answered",
                 WTERMSIG(exit_status));
    } else if (exit_status >= 0) {
        snprintf(text, sizeof text, "the process exited with status %d before it answered",
                 WEXITSTATUS(exit_status));
    } else {
        str_copy(text, sizeof text, "the process ended before it answered");
    }
    set_failure(run, INVOCATION_CRASH, type, text);
}

static void set_error(run_t *run, invocation_status_t status)
{
    cell_session_t *s = &run->session;
    set_failure(run, status, s->error_type ? s->error_type : "Error",
                s->error_message ? s->error_message : "");
    run->record->error_stack = s->error_stack;
    s->error_stack = NULL;
}

// Decides what became of the call. Memory and deadline are known to the keeper alone: a process that
// they end looks like any other that goes.
static void classify(run_t *run, const lease_usage_t *usage)
{
    const cell_session_t *s = &run->session;
    bool answered = s->state == SESSION_ENDED && s->end == SESSION_ANSWERED;
    bool deadline = run->killed == WHY_TIMEOUT || usage->killed == WHY_TIMEOUT;
    char text[120];
    if (usage->oom || usage->killed == WHY_OOM || run->killed == WHY_OOM) {
        snprintf(text, sizeof text, "more than the %lld MB of memory were needed",
                 (long long)run->record->memory_mb);
        set_failure(run, INVOCATION_OOM, "OutOfMemory", text);
    } else if (answered) {
        run->record->status = INVOCATION_OK;
        take_answer(run);
    } else if (run->hung_up || (s->state == SESSION_ENDED && s->end == SESSION_REFUSED)) {
        set_failure(run, INVOCATION_CANCELLED, "ClientClosed", "the caller hung up");
    } else if (deadline) {
        snprintf(text, sizeof text, "no answer within %lld ms",
                 (long long)run->call->function->timeout_ms);
        set_failure(run, INVOCATION_TIMEOUT, "Timeout", text);
    } else if (s->end == SESSION_FAILED) {
        set_error(run, INVOCATION_ERROR);
    } else if (s->end == SESSION_BROKEN) {
        set_error(run, INVOCATION_CRASH);
    } else {
        set_crash(run, usage->exit_status);
    }
}

// ---- while a cell is held

static void on_ready(void *ctx)
{
    const run_t *run = ctx;
    phase(run->call, PHASE_RUNNING);
}

static int on_head(void *ctx, int status, const cJSON *headers)
{
    run_t *run = ctx;
    run->answer->streamed = true;
    hash_head(run, headers);
    return run->call->sink->head(run->call->sink->ctx, status, headers);
}

static int on_body(void *ctx, const char *data, size_t len)
{
    run_t *run = ctx;
    hash_body(run, data, len);
    return run->call->sink->body(run->call->sink->ctx, data, len);
}

// The keeper wants to load this code into cells before their requests come.
static void give_code(run_t *run)
{
    cleanup_buf buf_t init = BUF_INIT(FRAME_INIT_MAX);
    invoke_frame_init(&init, run->call->function, run->call->runtime);
    if (!buf_failed(&init))
        lease_client_give_code(&run->thread->keeper, init.data, init.len);
}

// Other calls may have the cell after this one.
static void take_term(run_t *run, const lease_term_t *term, int fds[LEASE_FDS])
{
    relay_cell_t *cell = &run->cell;
    if (cell->term.until_ns || fds[0] < 0)
        return;
    cell->term = *term;
    cell->meter = (meter_t){.cpu = fd_take(&fds[0]), .peak = fd_take(&fds[1]), .v2 = term->v2};
    relay_join(run->thread->invoker->relay, &run->want, &run->place);
}

static void take_keeper_messages(run_t *run)
{
    lease_msg_t msg;
    int fds[LEASE_FDS];
    while (lease_client_take(&run->thread->keeper, &msg, fds) == 1) {
        if (msg.type == MSG_KILLED)
            run->killed = (lease_why_t)msg.killed.why;
        else if (msg.type == MSG_NEED_CODE)
            give_code(run);
        else if (msg.type == MSG_TERM)
            take_term(run, &msg.term, fds);
        for (int i = 0; i < LEASE_FDS; i++)
            fd_close(&fds[i]);
    }
}

static bool alone(const run_t *run)
{
    return run->thread->keeper.fd < 0;
}

// When we end the call ourselves: at the deadline if the keeper is away or waits for the end of a term, else a
// little later.
static int64_t own_deadline_ns(const run_t *run)
{
    bool ours = alone(run) || run->cell.term.until_ns;
    return run->cell.grant.deadline_ns + (ours ? 0 : (int64_t)DEADLINE_GRACE_MS * 1000000);
}

// With the keeper away: tells the next one which cell is held here, as soon as there is one.
static void seek_keeper(run_t *run)
{
    int64_t now = clock_mono_ns();
    if (!alone(run) || now < run->next_hold_ns)
        return;
    run->next_hold_ns = now + (int64_t)HOLD_RETRY_MS * 1000000;
    run->cell.term.until_ns = 0; // the next keeper knows of none
    lease_client_hold(&run->thread->keeper, run->cell.grant.cell, run->call->function->id,
                      run->cell.grant.deadline_ns);
}

static int wait_ms(const run_t *run)
{
    int left = clock_left_ms(own_deadline_ns(run));
    return alone(run) && left > HOLD_RETRY_MS ? HOLD_RETRY_MS : left;
}

// Runs the conversation to its end: an answer, a failure, the deadline, or a client that left.
static void converse(run_t *run)
{
    lease_client_t *keeper = &run->thread->keeper;
    const invoke_call_t *call = run->call;
    while (run->session.state != SESSION_ENDED && run->killed == WHY_NONE && !run->hung_up) {
        struct pollfd p[LEASE_FDS + 2];
        cell_session_poll(&run->session, p);
        p[LEASE_FDS] = (struct pollfd){.fd = keeper->fd, .events = POLLIN};
        p[LEASE_FDS + 1] = (struct pollfd){.fd = call->client_fd, .events = POLLRDHUP};
        int ready = poll(p, sizeof p / sizeof p[0], wait_ms(run));
        seek_keeper(run);
        if (clock_left_ms(own_deadline_ns(run)) == 0)
            run->killed = WHY_TIMEOUT;
        if (ready <= 0)
            continue;
        if (p[LEASE_FDS].revents)
            take_keeper_messages(run);
        if (p[LEASE_FDS + 1].revents)
            run->hung_up = true;
        cell_session_step(&run->session, p);
    }
}

static void start_session(run_t *run)
{
    const invoke_call_t *call = run->call;
    const invoke_sink_t *sink = call->sink;
    cell_session_t *s = &run->session;
    call_log_init(&run->log, call->arrived_ns, sink ? sink->log : NULL, sink ? sink->ctx : NULL);
    cell_session_init(s, run->cell.fds, &run->log);
    s->ctx = run;
    s->on_ready = on_ready;
    s->on_head = sink && sink->head ? on_head : NULL;
    s->on_body = sink && sink->body ? on_body : NULL;
    if (run->cell.grant.prepared)
        cell_session_resume(s);
    else
        invoke_frame_init(&s->out, call->function, call->runtime);
    invoke_frame_call(&s->out, call, run->cell.grant.deadline_ns);
    if (buf_failed(&s->out))
        cell_session_fail(s, "RequestTooLarge", "the request does not fit into a frame");
    // The socket has room; what follows from it is waited for.
    const struct pollfd begin[LEASE_FDS] = {{.revents = POLLOUT}};
    cell_session_step(s, begin);
}

// ---- what the call took

// Whether the kernel may have killed something for lack of memory, which the keeper knows.
static bool near_limit(const run_t *run, int64_t peak_bytes)
{
    return peak_bytes < 0 || peak_bytes / 7 >= (run->record->memory_mb << 20) / 8;
}

// Gives the cell to the next call that waits for it here. False where it is to go back to the keeper.
static bool pass_cell(run_t *run, lease_usage_t *usage)
{
    relay_cell_t cell = run->cell;
    relay_t *relay = run->thread->invoker->relay;
    meter_reading_t now;
    if (!cell.term.until_ns || cell.calls >= cell.term.calls ||
        clock_mono_ns() >= cell.term.until_ns || !relay_is_wanted(relay, &run->place) ||
        meter_read(&cell.meter, &now, NULL) < 0 || near_limit(run, now.memory_peak_bytes))
        return false;
    bool ours = now.memory_peak_bytes > cell.term.peak_before;
    *usage = (lease_usage_t){.cpu_us = now.cpu_us - cell.term.cpu_before_us,
                             .memory_peak_bytes = ours ? now.memory_peak_bytes : -1,
                             .exit_status = -1};
    cell.term.cpu_before_us = now.cpu_us;
    cell.term.peak_before = now.memory_peak_bytes;
    memcpy(cell.fds, run->session.fds, sizeof cell.fds);
    if (!relay_pass(relay, &run->place, &run->thread->keeper, &cell))
        return false;
    cell_session_detach(&run->session, run->cell.fds);
    relay_cell_init(&run->cell);
    return true;
}

static void release_cell(run_t *run, bool reusable, lease_usage_t *usage)
{
    const cell_session_t *s = &run->session;
    const relay_cell_t *cell = &run->cell;
    lease_release_t release = {.reusable = reusable,
                               .ended = s->state == SESSION_ENDED && s->end == SESSION_CLOSED,
                               .calls = cell->calls,
                               .cpu_before_us = cell->term.cpu_before_us,
                               .peak_before = cell->term.peak_before};
    err_t err;
    str_copy(release.cell, sizeof release.cell, cell->grant.cell);
    if (lease_client_release(&run->thread->keeper, &release, usage, &err) < 0)
        log_fail(LOG_WARN, "no figures for this call", &err, "cell", cell->grant.cell, NULL);
    if (!reusable)                         // else what comes is for whoever has it now
        cell_session_drain(&run->session); // what a dying process still wrote
}

static void use_cell(run_t *run)
{
    invocation_t *r = run->record;
    cell_session_t *s = &run->session;
    r->start = run->cell.grant.start;
    phase(run->call, run->cell.grant.prepared ? PHASE_RUNNING : PHASE_LOADING);
    converse(run);
    int64_t ended_ns = s->ended_ns ? s->ended_ns : clock_mono_ns();
    // Where the keeper has something to say, it is that the cell is not to be used.
    bool quiet = cell_session_is_quiet(s, run->thread->keeper.fd);
    if (!quiet)
        cell_session_drain(s);
    set_phases(run, ended_ns);

    lease_usage_t usage = {.cpu_us = -1, .memory_peak_bytes = -1, .exit_status = -1};
    bool keep = run->call->function->isolation == ISOLATION_FUNCTION && run->killed == WHY_NONE &&
                !run->call->any_revision && cell_session_is_clean(s);
    if (!keep || !quiet || alone(run) || !pass_cell(run, &usage))
        release_cell(run, keep, &usage);
    r->cpu_us = usage.cpu_us;
    r->memory_peak_bytes = usage.memory_peak_bytes;
    classify(run, &usage);
    if (r->error_type && r->error_message)
        call_log_failure(&run->log, r->error_type, r->error_message);
    r->response_bytes = (int64_t)s->body_bytes;
    r->logs = call_log_take(&run->log, &r->logs_len);
    r->logs_truncated = run->log.truncated;
    r->total_us = us_between(run->call->arrived_ns, ended_ns);
    cell_session_free(s);
    call_log_free(&run->log);
}

static void refused(run_t *run, const lease_outcome_t *lease)
{
    if (lease->result == LEASE_CANCELLED)
        set_failure(run, INVOCATION_CANCELLED, "ClientClosed", "the caller hung up");
    else if (lease->result == LEASE_FAILED && lease->why == WHY_RUNTIME)
        set_failure(run, INVOCATION_REJECTED, "RuntimeUnavailable", lease->text);
    else if (lease->result == LEASE_FAILED)
        set_failure(run, INVOCATION_REJECTED, "NoCapacity", lease->text);
    else if (lease->status == 429)
        set_failure(run, INVOCATION_REJECTED, "TooManyRequests",
                    "as many calls of this function run as its max_concurrency allows");
    else
        set_failure(run, INVOCATION_REJECTED, "NoCapacity", "no container became free in time");
    run->record->queue_us = run->record->total_us =
        us_between(run->call->arrived_ns, clock_mono_ns());
}

static void fill_request(lease_request_t *lease, const invoke_call_t *call)
{
    const function_t *f = call->function;
    *lease = (lease_request_t){.revision = f->revision,
                               .edition = call->edition,
                               .language = (uint8_t)f->language,
                               .runtime = (uint8_t)call->runtime,
                               .isolation = (uint8_t)f->isolation,
                               .check_revision = !call->any_revision,
                               .memory_mb = (uint32_t)f->memory_mb,
                               .cpu_millis = (uint32_t)f->cpu_millis,
                               .disk_mb = (uint32_t)f->disk_mb,
                               .timeout_ms = (uint32_t)f->timeout_ms,
                               .max_concurrency = (uint32_t)f->max_concurrency};
    str_copy(lease->request_id, sizeof lease->request_id, call->id);
    str_copy(lease->function_id, sizeof lease->function_id, f->id);
}

static void on_launching(const void *ctx)
{
    phase(ctx, PHASE_LAUNCHING);
}

// A cell that another call hands over, with what its meter said at that call's end.
static void begin_handed(void *ctx)
{
    run_t *run = ctx;
    relay_cell_t *cell = &run->cell;
    run->granted_ns = clock_mono_ns();
    cell->calls++;
    cell->grant.start = START_WARM;
    cell->grant.prepared = true;
    cell->grant.deadline_ns = run->granted_ns + run->call->function->timeout_ms * 1000000;
    if (meter_reset_peak(&cell->meter))
        cell->term.peak_before = -1;
    start_session(run);
}

static void ask_keeper(run_t *run, lease_outcome_t *lease)
{
    lease_client_t *keeper = &run->thread->keeper;
    const config_t *config = run->thread->invoker->config;
    int64_t give_up_ns =
        clock_mono_ns() + (config->queue_timeout_ms + QUEUE_GRACE_MS) * (int64_t)1000000;
    keeper->on_launching = on_launching;
    keeper->ctx = run->call;
    lease_client_acquire(keeper, &run->want, run->call->client_fd, give_up_ns, lease);
    if (lease->result != LEASE_GRANTED)
        return;
    run->granted_ns = clock_mono_ns();
    run->cell.grant = lease->grant;
    memcpy(run->cell.fds, lease->fds, sizeof run->cell.fds);
    start_session(run);
}

int invoke_run(invoker_thread_t *thread, const invoke_call_t *call, invocation_t *record,
               invoke_answer_t *answer, err_t *err)
{
    run_t run = {.thread = thread, .call = call, .record = record, .answer = answer};
    lease_outcome_t lease = {.result = LEASE_GRANTED};
    relay_cell_init(&run.cell);
    fill_request(&run.want, call);
    phase(call, PHASE_QUEUED);
    const relay_call_t waiting = {.want = &run.want,
                                  .keeper = &thread->keeper,
                                  .place = &run.place,
                                  .cell = &run.cell,
                                  .begin = begin_handed,
                                  .ctx = &run};
    if (!relay_wait(thread->invoker->relay, &waiting))
        ask_keeper(&run, &lease);
    if (lease.edition)
        thread->edition = lease.edition;
    int result = 0;
    if (lease.result == LEASE_STALE) {
        result = err_set(err, ERR_STALE, "the function has changed");
    } else if (lease.result == LEASE_GONE) {
        result = err_set(err, ERR_NOT_FOUND, "the function was deleted");
    } else {
        invoke_record_begin(record, call);
        *answer = (invoke_answer_t){.body = BUF_INIT(FRAME_RESPONSE_MAX)};
        if (lease.result == LEASE_GRANTED)
            use_cell(&run);
        else
            refused(&run, &lease);
    }
    meter_close(&run.cell.meter);
    relay_leave(thread->invoker->relay, &run.place);
    return result;
}

int64_t invoke_edition(const invoker_thread_t *thread)
{
    return thread->edition;
}

void invoke_changed(invoker_thread_t *thread, const char *function_id, int64_t revision,
                    bool deleted)
{
    err_t err;
    if (lease_client_changed(&thread->keeper, function_id, revision, deleted, &err) < 0)
        log_fail(LOG_WARN, "the keeper was not told of a change", &err, "function", function_id,
                 NULL);
}

int invoke_counts(invoker_thread_t *thread, lease_counts_t *counts, err_t *err)
{
    return lease_client_counts(&thread->keeper, counts, err);
}
