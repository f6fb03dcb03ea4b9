// Tables in partitions by time: days that are made ahead and dropped whole, so that old rows go without
// being looked at.
//
// A partition is named after its bound: p20261122 takes what came before 2026-11-22. The last one, p_last,
// takes what no partition is made for.
#ifndef CLOCHE_MODEL_PARTITION_H
#define CLOCHE_MODEL_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

typedef struct {
    const char *table;
    bool by_id;    // the key is a UUIDv7; else seconds since 1970
    int span_days; // of each partition
} partition_table_t;

extern const partition_table_t PARTITION_CALLS, PARTITION_LOGS, PARTITION_MINUTES, PARTITION_HOURS;

// Makes the partitions that `now` (microseconds since 1970) and the days after it will need, and drops
// those whose rows are all more than keep_days old. Does nothing when all is as it should be.
int partition_keep(db_t *db, const partition_table_t *table, int keep_days, int64_t now_us,
                   err_t *err) MUSTCHECK;

// One at a time: takes the lock of that name, which goes with the connection. 1: have it, 0: somebody
// else has.
int partition_lock(db_t *db, err_t *err) MUSTCHECK;
void partition_unlock(db_t *db);

#endif
