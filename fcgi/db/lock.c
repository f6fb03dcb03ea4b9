#include "db/db.h"

int db_lock(db_t *db, const char *name, int wait_s, err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT GET_LOCK(?, ?)", DB_PARAMS(db_text(name), db_int(wait_s)), err);
    if (!rows || db_next(rows, err) < 0)
        return -1;
    return db_get_int(rows, 0) == 1;
}

void db_unlock(db_t *db, const char *name)
{
    err_t ignored;
    if (db_exec(db, "DO RELEASE_LOCK(?)", DB_PARAMS(db_text(name)), NULL, &ignored) < 0)
        return; // it goes with the connection
}
