// Invocation records as the API shows them.
#ifndef CLOCHE_SERVICE_RECORDS_H
#define CLOCHE_SERVICE_RECORDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "db/db.h"
#include "model/access.h"
#include "model/invocation.h"

// A page of records, newest first. With a function_id that is neither a function the login may see nor
// in any record it may see: ERR_NOT_FOUND.
int records_list(db_pool_t *pool, const access_t *access, const invocation_filter_t *filter,
                 invocation_page_t *out, err_t *err) MUSTCHECK;
int records_get(db_pool_t *pool, const access_t *access, const char *id, invocation_t *out,
                err_t *err) MUSTCHECK;

// Appends a record as JSON, as a value in a list or on top; `full` adds input, stack and log.
void records_json(const invocation_t *inv, bool full, buf_t *out);

#endif
