// The journal against a real database that comes and goes, and processes that are killed.
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "core/crypto.h"
#include "database.h"
#include "service/journal.h"

enum { SOON_MS = 15000, KB = 1024, PATH_BYTES = 512 };

static char home[128];
static const journal_limits_t roomy = {16 << 20, 64 << 20};

// ---- records

static invocation_t record_of(const char *function_id)
{
    invocation_t inv = {.start = START_COLD, .http_status = 200, .function_name = "f"};
    id_new(inv.id);
    memcpy(inv.function_id, function_id, ID_TEXT);
    memcpy(inv.owner_id, function_id, ID_TEXT);
    return inv;
}

static void append(journal_t *journal, const char *function_id, int count)
{
    for (int i = 0; i < count; i++) {
        invocation_t inv = record_of(function_id);
        journal_record(journal, &inv);
    }
}

static int64_t count_of(const char *function_id)
{
    cleanup_db db_t *db = db_get(pool, NULL);
    if (!db)
        return -1;
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT COUNT(*) FROM invocations WHERE function_id = ?",
                 DB_PARAMS(db_id(function_id)), NULL);
    return rows && db_next(rows, NULL) == 1 ? db_get_int(rows, 0) : -1;
}

static void await_count(const char *function_id, int64_t wanted)
{
    int64_t until = clock_mono_ms() + SOON_MS, count;
    while ((count = count_of(function_id)) != wanted && clock_mono_ms() < until)
        usleep(5000);
    assert_int_equal(count, wanted);
}

// ---- files

static int count_files(const char *ending, char first[PATH_BYTES])
{
    char path[160];
    int count = 0;
    snprintf(path, sizeof path, "%s/journal", home);
    DIR *files = opendir(path);
    for (struct dirent *entry; files && (entry = readdir(files));)
        if (strstr(entry->d_name, ending) && !count++ && first)
            snprintf(first, PATH_BYTES, "%s/%s", path, entry->d_name);
    if (files)
        closedir(files);
    return count;
}

static void fresh_home(void)
{
    char pattern[] = "/tmp/cloche-journal-XXXXXX";
    assert_non_null(mkdtemp(pattern));
    snprintf(home, sizeof home, "%s", pattern);
}

static void drop_home(void)
{
    nftw(home, database_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static journal_t *open_with(db_pool_t *where, journal_limits_t limits)
{
    journal_t *journal;
    err_t err = {0};
    if (journal_open(home, limits, where, &journal, &err) < 0)
        fail_msg("%s", err.msg);
    return journal;
}

// A pool whose database is not there.
static db_pool_t *nowhere(void)
{
    db_pool_t *out;
    db_url_t url = database.url;
    snprintf(url.socket, sizeof url.socket, "/nonexistent");
    assert_ok(db_pool_open(&url, DB_LIMITS(1), &out, NULL));
    return out;
}

// ---- a process that records until it is killed

typedef struct {
    pid_t pid;
    int told; // gets the id of each record once it is kept
} writer_t;

static void write_until_killed(const char *function_id, bool away, int fd, int most)
{
    db_pool_t *own = nowhere();
    if (!away && db_pool_open(&database.url, DB_LIMITS(1), &own, NULL) < 0)
        _exit(1);
    journal_t *journal = open_with(own, (journal_limits_t){64 * KB, 64 << 20});
    for (int i = 0; i < most; i++) {
        invocation_t inv = record_of(function_id);
        journal_record(journal, &inv);
        if (write(fd, inv.id, ID_TEXT) != ID_TEXT)
            _exit(1);
    }
    for (;;)
        pause();
}

static writer_t spawn(const char *function_id, bool away, int most)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    writer_t w = {.pid = fork(), .told = fds[0]};
    if (w.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        write_until_killed(function_id, away, fds[1], most);
    }
    close(fds[1]);
    return w;
}

static int64_t read_told(writer_t *w, int64_t most)
{
    char id[ID_TEXT];
    int64_t count = 0;
    while (count < most && read(w->told, id, sizeof id) == sizeof id)
        count++;
    return count;
}

// Kills it; how many records it had told of, and was not asked about yet.
static int64_t kill_writer(writer_t *w)
{
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
    int64_t rest = read_told(w, INT64_MAX);
    close(w->told);
    return rest;
}

// ---- tests

static void a_record_is_in_the_database_at_once(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, roomy);
    append(journal, id, 3);
    await_count(id, 3);
    invocation_t inv = record_of(id);
    journal_record_sync(journal, &inv);
    assert_int_equal(count_of(id), 4);
    journal_depth_t depth;
    assert_ok(journal_depth(journal, &depth, NULL));
    assert_int_equal(depth.records, 0);
    assert_int_equal(depth.segments, 1);
    journal_close(journal);
    assert_int_equal(count_files(".", NULL), 2); // "." and ".."
    drop_home();
}

static int64_t commits(void)
{
    static const char sql[] = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
                              " WHERE VARIABLE_NAME = 'COM_COMMIT'";
    cleanup_db db_t *db = db_get(pool, NULL);
    cleanup_db_rows db_rows_t *rows = db ? db_query(db, sql, NULL, 0, NULL) : NULL;
    assert_true(rows && db_next(rows, NULL) == 1);
    return strtoll(db_get_text(rows, 0, NULL), NULL, 10);
}

// A transaction has a dozen round trips, whatever it holds.
static void a_thousand_records_share_a_transaction(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, roomy);
    append(journal, id, 1); // it makes partitions where there are none yet
    await_count(id, 1);
    int64_t before = commits();
    append(journal, id, 1000);
    await_count(id, 1001);
    // One, where the thousand do not take longer than a writer lingers.
    assert_in_range(commits() - before, 1, 3);
    journal_close(journal);
    drop_home();
}

typedef struct {
    journal_t *journal;
    const char *function_id;
} many_t;

static void *append_many(void *arg)
{
    const many_t *many = arg;
    append(many->journal, many->function_id, 100);
    return NULL;
}

static void many_threads_append_at_once(void **state)
{
    (void)state;
    enum { THREADS = 64 };
    pthread_t threads[THREADS];
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    many_t many = {open_with(pool, (journal_limits_t){64 * KB, 64 << 20}), id};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &many), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    await_count(id, THREADS * 100);
    journal_close(many.journal);
    assert_int_equal(count_files(".seg", NULL), 0);
    drop_home();
}

static void kill_9_loses_no_record(void **state)
{
    (void)state;
    uint32_t random = 7;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    int64_t told = 0;
    for (int round = 0; round < 12; round++) {
        writer_t w = spawn(id, round % 3 == 0, 100000);
        usleep(2000 + test_random(&random) % 60000);
        told += kill_writer(&w);
    }
    journal_t *journal = open_with(pool, roomy);
    int64_t until = clock_mono_ms() + SOON_MS;
    while (count_files(".seg", NULL) && clock_mono_ms() < until)
        usleep(10000);
    journal_close(journal);
    assert_true(told > 0);
    // Each kill may have met a record that was kept but not yet told of.
    assert_in_range(count_of(id), told, told + 12);
    assert_int_equal(count_files(".bad", NULL), 0);
    drop_home();
}

static void what_a_live_process_holds_is_left_alone(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    writer_t w = spawn(id, true, 1000);
    assert_int_equal(read_told(&w, 1000), 1000);
    int files = count_files(".seg", NULL);
    assert_true(files > 1); // rotated

    journal_t *journal = open_with(pool, roomy);
    journal_depth_t depth;
    usleep(300000);
    assert_ok(journal_depth(journal, &depth, NULL));
    assert_int_equal(depth.segments, files);
    assert_int_equal(depth.records, 1000);
    assert_true(depth.bytes > 1000 * 100);
    assert_in_range(depth.oldest_ms, 200, SOON_MS);
    journal_close(journal);
    assert_int_equal(count_of(id), 0);

    kill_writer(&w);
    journal_t *one = open_with(pool, roomy), *two = open_with(pool, roomy);
    await_count(id, 1000);
    journal_close(one);
    journal_close(two);
    assert_int_equal(count_files(".seg", NULL), 0);
    drop_home();
}

static void a_database_that_comes_and_goes_has_each_once(void **state)
{
    (void)state;
    uint32_t random = 3;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, (journal_limits_t){64 * KB, 64 << 20});
    int count = 0;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 40; i++, count += 20) {
            append(journal, id, 20);
            usleep(test_random(&random) % 3000);
        }
        database_end(&database, SIGKILL);
        int64_t began = clock_mono_ms();
        append(journal, id, 300);
        count += 300;
        assert_in_range(clock_mono_ms() - began, 0, 2000);
        invocation_t inv = record_of(id);
        journal_record_sync(journal, &inv); // gives up soon
        count++;
        assert_in_range(clock_mono_ms() - began, 0, 4000);
        database_launch(&database);
        database_wait(&database);
    }
    await_count(id, count);
    journal_close(journal);
    assert_int_equal(count_files(".seg", NULL), 0);
    drop_home();
}

static void what_the_database_has_is_not_inserted_again(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, roomy);
    invocation_t same = record_of(id);
    same.logs = strdup("[]");
    same.logs_len = 2;
    for (int i = 0; i < 5; i++) {
        append(journal, id, 33);
        journal_record(journal, &same); // also twice in one batch
        journal_record(journal, &same);
        usleep(30000);
    }
    journal_close(journal);
    assert_int_equal(count_of(id), 5 * 33 + 1);
    invocation_free(&same);
    drop_home();
}

static void damage_costs_what_it_hits(void **state)
{
    (void)state;
    char id[ID_TEXT], path[PATH_BYTES];
    id_new(id);
    fresh_home();
    for (int round = 1; round <= 10; round++) {
        writer_t w = spawn(id, true, 100);
        assert_int_equal(read_told(&w, 100), 100);
        kill_writer(&w);
        assert_int_equal(count_files(".seg", path), 1);
        cleanup_close int fd = open(path, O_RDWR);
        off_t size = lseek(fd, 0, SEEK_END);
        assert_int_equal(pwrite(fd, "damage", 6, size / 2), 6); // in one record or two
        assert_int_equal(ftruncate(fd, size - 5), 0);           // and in the last
        journal_t *journal = open_with(pool, roomy);
        int64_t until = clock_mono_ms() + SOON_MS;
        while (count_files(".seg", NULL) && clock_mono_ms() < until)
            usleep(5000);
        journal_close(journal);
        assert_in_range(count_of(id), round * 97, round * 98);
        assert_int_equal(count_files(".bad", NULL), round < 8 ? round : 8);
    }
    drop_home();
}

static void a_refused_record_does_not_stop_the_others(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, roomy);
    invocation_t bad = record_of(id);
    memcpy(bad.function_name, "\xff\xfe", 3); // no UTF-8
    append(journal, id, 10);
    journal_record(journal, &bad);
    append(journal, id, 10);
    await_count(id, 20);
    append(journal, id, 10);
    journal_close(journal);
    assert_int_equal(count_of(id), 30);
    assert_int_equal(count_files(".bad", NULL), 1);
    drop_home();
}

static void over_its_bound_it_goes_on_in_memory(void **state)
{
    (void)state;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    journal_t *journal = open_with(pool, (journal_limits_t){64 * KB, 192 * KB});
    database_end(&database, SIGKILL);
    append(journal, id, 2000); // about 400 KB
    assert_in_range(count_files(".seg", NULL), 1, 3);
    database_launch(&database);
    database_wait(&database);
    await_count(id, 2000);
    append(journal, id, 10); // on disk again, in a while
    journal_close(journal);
    assert_int_equal(count_of(id), 2010);
    assert_int_equal(count_files(".seg", NULL), 0);
    drop_home();
}

// On a disk of its own, in a mount namespace of its own.
static int on_a_full_disk(const char *id)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", home, "tmpfs", 0, "size=64k") < 0)
        return 77;
    db_pool_t *own;
    if (db_pool_open(&database.url, DB_LIMITS(1), &own, NULL) < 0)
        return 2;
    journal_t *journal = open_with(own, roomy);
    append(journal, id, 10);
    char path[160], zeros[4096] = "";
    snprintf(path, sizeof path, "%s/filler", home);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    append(journal, id, 100);
    int64_t kept = count_of(id); // in memory: each call waited for the database
    unlink(path);
    usleep(1100000);
    append(journal, id, 10);
    journal_close(journal);
    return kept == 110 && count_of(id) == 120 ? 0 : 3;
}

static void a_full_disk_fails_no_call(void **state)
{
    (void)state;
    char id[ID_TEXT];
    int status;
    id_new(id);
    fresh_home();
    pid_t pid = fork();
    if (pid == 0) {
        if (db_pool_open(&database.url, DB_LIMITS(1), &pool, NULL) < 0)
            _exit(1);
        _exit(on_a_full_disk(id));
    }
    waitpid(pid, &status, 0);
    drop_home();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

// ---- faults at each step

static const char *const STEPS[] = {
    "journal: segment made",     "journal: segment begun",     "journal: segment seized",
    "journal: record written",   "journal: transaction begun", "journal: batch inserted",
    "journal: batch counted",    "journal: batch committed",   "journal: segment done",
    "journal: segment finished",
};

static struct {
    const char *step;
    atomic_int passes; // until it acts
} armed;

static bool die_at_step(const char *point)
{
    if (strcmp(point, armed.step) == 0 && atomic_fetch_sub(&armed.passes, 1) == 1)
        raise(SIGKILL);
    return false;
}

// In small segments; over all steps: begins them, fills them, removes them, and adopts what others left.
static void record_until_dead(const char *function_id, int told)
{
    enum { RECORDS = 600 };
    db_pool_t *own;
    if (db_pool_open(&database.url, DB_LIMITS(1), &own, NULL) < 0)
        _exit(1);
    fault_hook = die_at_step;
    journal_t *journal = open_with(own, (journal_limits_t){8 * KB, 64 << 20});
    for (int i = 0; i < RECORDS; i++) {
        invocation_t inv = record_of(function_id);
        journal_record(journal, &inv);
        if (write(told, inv.id, ID_TEXT) != ID_TEXT)
            _exit(1);
        if (i % 100 == 0)
            journal_record_sync(journal, &inv); // again: a record of the same id is no new one
    }
    journal_close(journal);
    _exit(0);
}

static void a_kill_at_any_step_loses_and_repeats_nothing(void **state)
{
    (void)state;
    enum { TIMES = 3 };
    uint32_t random = 11;
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    int64_t told = 0, killed = 0;
    for (size_t i = 0; i < COUNT(STEPS) * TIMES; i++) {
        int fds[2], status;
        armed.step = STEPS[i % COUNT(STEPS)];
        // Only what the one before left is there to be seized.
        atomic_store(&armed.passes,
                     strstr(armed.step, "seized") ? 1 : 1 + (int)(test_random(&random) % 4));
        assert_int_equal(pipe(fds), 0);
        writer_t w = {.pid = fork(), .told = fds[0]};
        if (w.pid == 0)
            record_until_dead(id, fds[1]);
        close(fds[1]);
        told += read_told(&w, INT64_MAX);
        close(w.told);
        waitpid(w.pid, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("%s was not reached: status %x", armed.step, (unsigned)status);
        killed++;
    }
    journal_t *journal = open_with(pool, roomy);
    int64_t until = clock_mono_ms() + SOON_MS;
    while (count_files(".seg", NULL) && clock_mono_ms() < until)
        usleep(10000);
    journal_close(journal);
    assert_in_range(count_of(id), told, told + killed);
    assert_int_equal(count_files(".", NULL), 2); // nothing is left, set aside or begun
    drop_home();
}

static bool fail_often(const char *point)
{
    static atomic_uint random = 5;
    (void)point;
    unsigned now = atomic_fetch_add(&random, 1);
    return test_random(&now) % 3 == 0;
}

// The answers of commits get lost, and segments cannot be emptied.
static void a_step_that_fails_is_repeated_without_harm(void **state)
{
    (void)state;
    enum { ROUNDS = 30, RECORDS = 20 };
    char id[ID_TEXT];
    id_new(id);
    fresh_home();
    fault_hook = fail_often;
    journal_t *journal = open_with(pool, (journal_limits_t){8 * KB, 64 << 20});
    for (int i = 0; i < ROUNDS; i++) {
        append(journal, id, RECORDS);
        usleep(10000);
    }
    await_count(id, ROUNDS * RECORDS);
    fault_hook = NULL;
    journal_close(journal);
    assert_int_equal(count_of(id), ROUNDS * RECORDS);
    assert_int_equal(count_files(".", NULL), 2);
    drop_home();
}

static int start(void **state)
{
    database_set_up(state);
    // What is committed is to survive kill -9, as in the real stack.
    database_run(&database, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    database.durable = true;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_in_the_database_at_once),
        cmocka_unit_test(a_thousand_records_share_a_transaction),
        cmocka_unit_test(many_threads_append_at_once),
        cmocka_unit_test(kill_9_loses_no_record),
        cmocka_unit_test(what_a_live_process_holds_is_left_alone),
        cmocka_unit_test(a_database_that_comes_and_goes_has_each_once),
        cmocka_unit_test(what_the_database_has_is_not_inserted_again),
        cmocka_unit_test(damage_costs_what_it_hits),
        cmocka_unit_test(a_refused_record_does_not_stop_the_others),
        cmocka_unit_test(over_its_bound_it_goes_on_in_memory),
        cmocka_unit_test(a_full_disk_fails_no_call),
        cmocka_unit_test(a_kill_at_any_step_loses_and_repeats_nothing),
        cmocka_unit_test(a_step_that_fails_is_repeated_without_harm),
    };
    return RUN_DATABASE_TESTS(tests, start);
}
