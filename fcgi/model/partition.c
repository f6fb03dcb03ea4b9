#include "model/partition.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/ids.h"

enum {
    AHEAD_DAYS = 3,
    NAME_TEXT = 16,
    BOUND_TEXT = 48,
    FOUND_MAX = 1024,
    SQL_MAX = 64 * 1024,
};

static const int64_t DAY_US = 86400LL * 1000000;

const partition_table_t PARTITION_CALLS = {"invocations", true, 1};
const partition_table_t PARTITION_LOGS = {"invocation_logs", true, 1};
const partition_table_t PARTITION_MINUTES = {"metric_minute", false, 1};
const partition_table_t PARTITION_HOURS = {"metric_hour", false, 30};

// Days are counted from 1970.
static void name_of(int64_t day, char out[NAME_TEXT])
{
    char text[CLOCK_TEXT];
    clock_format(day * DAY_US, text);
    snprintf(out, NAME_TEXT, "p%.4s%.2s%.2s", text, text + 5, text + 8);
}

// -1 for another name.
static int64_t day_of(const char *name)
{
    char text[CLOCK_TEXT];
    int64_t us;
    if (strlen(name) != strlen("p20261122"))
        return -1;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT00:00:00Z", name + 1, name + 5, name + 7);
    return clock_parse(text, &us, NULL) < 0 ? -1 : us / DAY_US;
}

static void bound_of(const partition_table_t *table, int64_t day, char out[BOUND_TEXT])
{
    char id[ID_TEXT];
    uint8_t bytes[ID_BYTES];
    if (!table->by_id) {
        snprintf(out, BOUND_TEXT, "%lld", (long long)(day * 86400));
        return;
    }
    id_bound(day * (DAY_US / 1000), id);
    id_to_bytes(id, bytes);
    size_t used = (size_t)snprintf(out, BOUND_TEXT, "x'");
    for (int i = 0; i < ID_BYTES; i++)
        used += (size_t)snprintf(out + used, BOUND_TEXT - used, "%02x", bytes[i]);
    snprintf(out + used, BOUND_TEXT - used, "'");
}

// ---- what is there

typedef struct {
    int64_t days[FOUND_MAX]; // ascending
    size_t count;
} found_t;

static int find(db_t *db, const partition_table_t *table, found_t *out, err_t *err)
{
    out->count = 0;
    cleanup_db_rows db_rows_t *rows =
        db_query(db,
                 "SELECT partition_name FROM information_schema.partitions"
                 " WHERE table_schema = DATABASE() AND table_name = ?"
                 " ORDER BY partition_ordinal_position",
                 DB_PARAMS(db_text(table->table)), err);
    if (!rows)
        return -1;
    int more;
    while ((more = db_next(rows, err)) > 0 && out->count < FOUND_MAX) {
        int64_t day = day_of(db_get_text(rows, 0, NULL));
        if (day >= 0)
            out->days[out->count++] = day;
    }
    return more < 0 ? -1 : 0;
}

// ---- changes

static void add_partition(buf_t *sql, const partition_table_t *table, int64_t day)
{
    char name[NAME_TEXT], bound[BOUND_TEXT];
    name_of(day, name);
    bound_of(table, day, bound);
    buf_addf(sql, "PARTITION %s VALUES LESS THAN (%s), ", name, bound);
}

static int run(db_t *db, const buf_t *sql, err_t *err)
{
    if (buf_failed(sql))
        return err_set(err, ERR_INTERNAL, "out of memory");
    return db_run(db, sql->data, sql->len, err);
}

// The last partition is empty as long as this comes in time, and so divided at once.
static int make_ahead(db_t *db, const partition_table_t *table, const found_t *found, int64_t today,
                      err_t *err)
{
    int64_t span = table->span_days, newest = found->count ? found->days[found->count - 1] : 0;
    int64_t first = today - today % span + span, last = today + AHEAD_DAYS;
    if (newest >= first)
        first = newest + span;
    last += span - 1 - (last + span - 1) % span;
    if (newest >= last)
        return 0;
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    buf_addf(&sql, "ALTER TABLE %s REORGANIZE PARTITION p_last INTO (", table->table);
    for (int64_t day = first; day <= last; day += span)
        add_partition(&sql, table, day);
    buf_adds(&sql, "PARTITION p_last VALUES LESS THAN (MAXVALUE))");
    return run(db, &sql, err);
}

static int drop_old(db_t *db, const partition_table_t *table, const found_t *found, int64_t oldest,
                    err_t *err)
{
    cleanup_buf buf_t sql = BUF_INIT(SQL_MAX);
    char name[NAME_TEXT];
    size_t count = 0;
    buf_addf(&sql, "ALTER TABLE %s DROP PARTITION ", table->table);
    for (; count < found->count && found->days[count] <= oldest; count++) {
        name_of(found->days[count], name);
        buf_addf(&sql, "%s%s", count ? ", " : "", name);
    }
    return count ? run(db, &sql, err) : 0;
}

int partition_keep(db_t *db, const partition_table_t *table, int keep_days, int64_t now_us,
                   err_t *err)
{
    found_t found;
    int64_t today = now_us / DAY_US;
    if (find(db, table, &found, err) < 0 || make_ahead(db, table, &found, today, err) < 0 ||
        drop_old(db, table, &found, today - keep_days, err) < 0)
        return err_wrap(err, "%s", table->table);
    return 0;
}

// ---- one at a time

static const char LOCK[] = "cloche_retention";

int partition_lock(db_t *db, err_t *err)
{
    // Whoever wants to change a table waits for its users, and everybody after that for him.
    static const char patience[] = "SET SESSION lock_wait_timeout = 3";
    if (db_run(db, patience, strlen(patience), err) < 0)
        return -1;
    return db_lock(db, LOCK, 0, err);
}

void partition_unlock(db_t *db)
{
    db_unlock(db, LOCK);
}
