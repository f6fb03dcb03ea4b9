// How long records and metrics are kept: makes the partitions of the next days and drops those that are
// too old.
//
// Each worker of the API's pool has a thread that looks every hour; of all workers and machines on one
// database one works at a time, the others leave it to that one.
#ifndef CLOCHE_SERVICE_RETENTION_H
#define CLOCHE_SERVICE_RETENTION_H

#include "base/err.h"
#include "core/config.h"
#include "db/db.h"

// Once, now. Does nothing while somebody else is at it.
int retention_run(db_t *db, const config_t *config, err_t *err) MUSTCHECK;

typedef struct retention retention_t;

// Starts the thread. Borrowed: config. `retention_close` takes NULL, too, and waits for a run to end.
int retention_open(const config_t *config, retention_t **out, err_t *err) MUSTCHECK;
void retention_close(retention_t *retention);

#endif
