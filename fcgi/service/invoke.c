#include "service/invoke.h"

#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/json.h"
#include "service/call_log.h"
#include "service/cell_session.h"
#include "service/lease_client.h"

enum {
    QUEUE_GRACE_MS = 2000,  // the keeper refuses on time; this is for a keeper that is away
    DEADLINE_GRACE_MS = 25, // the keeper acts on the deadline; this is for when it cannot tell us
    HOLD_RETRY_MS = 50,
    HEAD_MAX = 40 * 1024 * 1024, // a body of control characters, escaped
};

struct invoker {
    const config_t *config;
    char socket[108];
};

struct invoker_thread {
    const invoker_t *invoker;
    lease_client_t keeper;
    int64_t edition;
};

// One call while it runs.
typedef struct {
    invoker_thread_t *thread;
    const invoke_call_t *call;
    invocation_t *record;
    invoke_answer_t *answer;
    call_log_t log;
    cell_session_t session;
    lease_grant_t grant;
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
    *out = invoker;
    invoker = NULL;
    return 0;
}

void invoker_close(invoker_t *invoker)
{
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

// ---- what the runner is sent

static void put_init(buf_t *out, const function_t *f, runtime_t runtime)
{
    cleanup_buf buf_t json = BUF_INIT(FRAME_SEND_MAX);
    json_begin(&json, NULL, '{');
    json_add_textn(&json, "code", f->code, f->code_len);
    json_add_text(&json, "handler", f->handler[0] ? f->handler : NULL);
    json_add_text(&json, "event", f->event == EVENT_HTTP ? "http" : "input");
    json_begin(&json, "env", '{');
    json_end(&json, '}');
    json_add_text(&json, "runtime", runtime_name(runtime));
    json_begin(&json, "function", '{');
    json_add_text(&json, "id", f->id);
    json_add_text(&json, "name", f->name);
    json_add_int(&json, "version", f->version);
    json_add_int(&json, "memory_mb", f->memory_mb);
    json_end(&json, '}');
    json_end(&json, '}');
    frame_put(out, FRAME_INIT, buf_str(&json), json.len);
    out->failed |= json.failed;
}

static void put_invoke(buf_t *out, const invoke_call_t *call, int64_t deadline_ns)
{
    static const char *const sources[] = {"none", "value", "json", "text", "bytes"};
    int64_t left_ms = (deadline_ns - clock_mono_ns()) / 1000000;
    cleanup_buf buf_t head = BUF_INIT(HEAD_MAX);
    json_begin(&head, NULL, '{');
    json_add_text(&head, "request_id", call->id);
    json_add_int(&head, "deadline_ms", clock_wall_us() / 1000 + left_ms);
    json_add_int(&head, "timeout_ms", left_ms);
    json_add_text(&head, "source", sources[call->source]);
    if (call->source == EVENT_VALUE)
        json_add_raw(&head, "event", call->event, strlen(call->event));
    const char *args = call->args ? call->args : "[]";
    json_add_raw(&head, "args", args, strlen(args));
    if (call->request)
        json_add_raw(&head, "request", call->request, strlen(call->request));
    json_end(&head, '}');
    frame_put_invoke(out, buf_str(&head), head.len, call->body, call->body_len);
    out->failed |= head.failed;
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

static bool wants_input(const invoke_call_t *call)
{
    record_input_t when = call->function->record_input;
    return when == RECORD_ALL || (when == RECORD_EXECUTE && call->origin != SOURCE_HTTP);
}

// Keeps what a replay needs, all of it or nothing.
static void set_input(invocation_t *r, const invoke_call_t *call)
{
    static const input_kind_t kinds[] = {INPUT_NONE, INPUT_VALUE, INPUT_JSON, INPUT_TEXT,
                                         INPUT_BYTES};
    const char *input = call->source == EVENT_NONE    ? ""
                        : call->source == EVENT_VALUE ? call->event
                                                      : call->body;
    size_t len = call->source == EVENT_NONE    ? 0
                 : call->source == EVENT_VALUE ? strlen(call->event)
                                               : call->body_len;
    if (!wants_input(call) || len > INVOCATION_INPUT_MAX ||
        (call->request && strlen(call->request) > INVOCATION_INPUT_MAX))
        return;
    r->input = malloc(len + 1);
    if (!r->input)
        return;
    memcpy(r->input, input, len);
    r->input[len] = '\0';
    r->input_len = len;
    r->input_kind = kinds[call->source];
    r->args = call->args ? strdup(call->args) : NULL;
    r->request = call->request ? strdup(call->request) : NULL;
}

static void begin_record(invocation_t *r, const invoke_call_t *call)
{
    const function_t *f = call->function;
    *r = (invocation_t){.version = f->version,
                        .runtime = call->runtime,
                        .start = -1,
                        .source = call->origin,
                        .queue_us = -1,
                        .init_us = -1,
                        .run_us = -1,
                        .cpu_us = -1,
                        .memory_peak_bytes = -1,
                        .memory_mb = f->memory_mb,
                        .request_bytes = (int64_t)call->body_len};
    str_copy(r->id, sizeof r->id, call->id);
    str_copy(r->function_id, sizeof r->function_id, f->id);
    str_copy(r->function_name, sizeof r->function_name, f->name);
    str_copy(r->owner_id, sizeof r->owner_id, f->owner_id);
    if (call->replay_of)
        str_copy(r->replay_of, sizeof r->replay_of, call->replay_of);
    set_input(r, call);
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
    int64_t ready_ns = run->grant.prepared ? run->granted_ns : s->ready_ns;
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
    put_init(&init, run->call->function, run->call->runtime);
    if (!buf_failed(&init))
        lease_client_give_code(&run->thread->keeper, init.data, init.len);
}

static void take_keeper_messages(run_t *run)
{
    lease_msg_t msg;
    while (lease_client_take(&run->thread->keeper, &msg) == 1) {
        if (msg.type == MSG_KILLED)
            run->killed = (lease_why_t)msg.killed.why;
        else if (msg.type == MSG_NEED_CODE)
            give_code(run);
    }
}

static bool alone(const run_t *run)
{
    return run->thread->keeper.fd < 0;
}

// When we end the call ourselves: at the deadline if the keeper is away, else a little later.
static int64_t own_deadline_ns(const run_t *run)
{
    return run->grant.deadline_ns + (alone(run) ? 0 : (int64_t)DEADLINE_GRACE_MS * 1000000);
}

// With the keeper away: tells the next one which cell is held here, as soon as there is one.
static void seek_keeper(run_t *run)
{
    int64_t now = clock_mono_ns();
    if (!alone(run) || now < run->next_hold_ns)
        return;
    run->next_hold_ns = now + (int64_t)HOLD_RETRY_MS * 1000000;
    lease_client_hold(&run->thread->keeper, run->grant.cell, run->call->function->id,
                      run->grant.deadline_ns);
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
    // The socket has room; what follows from it is waited for.
    const struct pollfd begin[LEASE_FDS] = {{.revents = POLLOUT}};
    cell_session_step(&run->session, begin);
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

static void start_session(run_t *run, const int fds[LEASE_FDS])
{
    const invoke_call_t *call = run->call;
    const invoke_sink_t *sink = call->sink;
    cell_session_t *s = &run->session;
    call_log_init(&run->log, call->arrived_ns, sink ? sink->log : NULL, sink ? sink->ctx : NULL);
    cell_session_init(s, fds, &run->log);
    s->ctx = run;
    s->on_ready = on_ready;
    s->on_head = sink && sink->head ? on_head : NULL;
    s->on_body = sink && sink->body ? on_body : NULL;
    if (run->grant.prepared)
        cell_session_resume(s);
    else
        put_init(&s->out, call->function, call->runtime);
    put_invoke(&s->out, call, run->grant.deadline_ns);
    if (buf_failed(&s->out))
        cell_session_fail(s, "RequestTooLarge", "the request does not fit into a frame");
}

static void use_cell(run_t *run, const lease_outcome_t *lease)
{
    invocation_t *r = run->record;
    cell_session_t *s = &run->session;
    run->granted_ns = clock_mono_ns();
    run->grant = lease->grant;
    r->start = lease->grant.start;
    phase(run->call, run->grant.prepared ? PHASE_RUNNING : PHASE_LOADING);
    start_session(run, lease->fds);
    converse(run);
    int64_t ended_ns = s->ended_ns ? s->ended_ns : clock_mono_ns();
    cell_session_drain(s);
    set_phases(run, ended_ns);

    lease_usage_t usage = {.cpu_us = -1, .memory_peak_bytes = -1, .exit_status = -1};
    err_t err;
    bool ended = s->state == SESSION_ENDED && s->end == SESSION_CLOSED;
    bool keep = run->call->function->isolation == ISOLATION_FUNCTION && run->killed == WHY_NONE &&
                !run->call->any_revision && cell_session_is_clean(s);
    if (lease_client_release(&run->thread->keeper, run->grant.cell, keep, ended, &usage, &err) < 0)
        log_fail(LOG_WARN, "no figures for this call", &err, "cell", run->grant.cell, NULL);
    if (!keep)                 // else what comes is for whoever has it now
        cell_session_drain(s); // what a dying process still wrote
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

int invoke_run(invoker_thread_t *thread, const invoke_call_t *call, invocation_t *record,
               invoke_answer_t *answer, err_t *err)
{
    const config_t *config = thread->invoker->config;
    run_t run = {.thread = thread, .call = call, .record = record, .answer = answer};
    lease_request_t request;
    lease_outcome_t lease;
    fill_request(&request, call);
    phase(call, PHASE_QUEUED);
    int64_t give_up_ns =
        clock_mono_ns() + (config->queue_timeout_ms + QUEUE_GRACE_MS) * (int64_t)1000000;
    thread->keeper.on_launching = on_launching;
    thread->keeper.ctx = call;
    lease_client_acquire(&thread->keeper, &request, call->client_fd, give_up_ns, &lease);
    if (lease.edition)
        thread->edition = lease.edition;
    if (lease.result == LEASE_STALE)
        return err_set(err, ERR_STALE, "the function has changed");
    if (lease.result == LEASE_GONE)
        return err_set(err, ERR_NOT_FOUND, "the function was deleted");
    begin_record(record, call);
    *answer = (invoke_answer_t){.body = BUF_INIT(FRAME_RESPONSE_MAX)};
    if (lease.result == LEASE_GRANTED)
        use_cell(&run, &lease);
    else
        refused(&run, &lease);
    return 0;
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
