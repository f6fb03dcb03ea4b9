#include "model/function_search.h"

#include <string.h>

#include "base/cleanup.h"

enum {
    GRAM = 3, // bytes, at most
    GRAM_BITS = 15,
    GRAM_BYTES = (1 << GRAM_BITS) / 8,
    GRAMS_ASKED = 8, // of a search
    BLOCK = SEARCH_BLOCK,
    BLOCK_LEFT = BLOCK / 4, // a block with fewer of its functions left is given up
};

// ---- grams

// The bit of the run of bytes. Blocks are stored: another rule has to come with a migration that empties them.
static uint32_t gram_bit(const char *bytes, size_t len)
{
    uint32_t value = (uint32_t)len;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return value * 2654435761U >> (32 - GRAM_BITS);
}

static void add_grams(uint8_t grams[GRAM_BYTES], const char *text, size_t len)
{
    for (size_t size = 1; size <= GRAM; size++) {
        for (size_t at = 0; at + size <= len; at++) {
            uint32_t bit = gram_bit(text + at, size);
            grams[bit / 8] |= (uint8_t)(1 << bit % 8);
        }
    }
}

// ---- searching

static int fold(db_t *db, const char *text, function_search_t *out, err_t *err)
{
    // The database does, since it folded the texts.
    cleanup_db_rows db_rows_t *rows =
        db_query(db, "SELECT CAST(LOWER(?) AS BINARY)", DB_PARAMS(db_text(text)), err);
    if (!rows || db_next(rows, err) < 0)
        return -1;
    const char *folded = db_get_text(rows, 0, &out->len);
    if (out->len >= sizeof out->text)
        return err_set(err, ERR_INVALID, "q is too long");
    memcpy(out->text, folded, out->len);
    return 0;
}

// The newest block is always among them, and last: what is packed meanwhile has a higher number.
static void select_blocks(query_t *q, const function_search_t *search)
{
    size_t size = search->len < GRAM ? search->len : GRAM;
    size_t last = search->len - size; // where the last of its grams begins
    query_add(q, "SELECT id FROM function_search_blocks"
                 " WHERE id = (SELECT MAX(id) FROM function_search_blocks) OR (1 = 1");
    for (size_t i = 0; i < GRAMS_ASKED; i++) {
        uint32_t bit = gram_bit(search->text + i * last / (GRAMS_ASKED - 1), size);
        query_add2(q, " AND ORD(SUBSTR(grams, ?, 1)) & ?", db_int(bit / 8 + 1),
                   db_int(1 << bit % 8));
    }
    query_add1(q, ") ORDER BY id LIMIT ?", db_int(SEARCH_BLOCKS + 1));
}

static int find_blocks(db_t *db, function_search_t *search, err_t *err)
{
    cleanup_query query_t q = QUERY_INIT;
    select_blocks(&q, search);
    cleanup_db_rows db_rows_t *rows = query_rows(db, &q, err);
    if (!rows)
        return -1;
    int more;
    while ((more = db_next(rows, err)) > 0 && search->count < SEARCH_BLOCKS)
        search->blocks[search->count++] = db_get_int(rows, 0);
    search->narrow = !more;
    return more < 0 ? -1 : 0;
}

int function_search_for(db_t *db, const char *text, bool everything, function_search_t *out,
                        err_t *err)
{
    *out = (function_search_t){0};
    if (fold(db, text, out, err) < 0)
        return -1;
    return everything ? find_blocks(db, out, err) : 0;
}

void function_search_where(query_t *q, const function_search_t *search)
{
    query_add1(q, " AND LOCATE(?, s.text)", db_blob(search->text, search->len));
    if (!search->narrow)
        return;
    int64_t newest = search->count ? search->blocks[search->count - 1] : 0;
    query_add1(q, " AND (s.block = 0 OR s.block >= ?", db_int(newest));
    for (int i = 0; i < SEARCH_BLOCKS; i++) // always as many, so that it is one statement
        query_add1(q, i ? ", ?" : " OR s.block IN (?",
                   i < search->count ? db_int(search->blocks[i]) : db_null());
    query_add(q, "))");
}

// ---- writing

int function_search_keep(db_t *db, const char *id, err_t *err)
{
    return db_exec(
        db,
        "INSERT INTO function_search (function_id, owner_id, text)"
        " SELECT id, owner_id, LOWER(CONCAT_WS('\n', name, route, description))"
        " FROM functions WHERE id = ? ON DUPLICATE KEY UPDATE"
        " block = IF(function_search.text = VALUES(text), block, 0), text = VALUES(text)",
        DB_PARAMS(db_id(id)), NULL, err);
}

static int enough(db_t *db, err_t *err)
{
    cleanup_db_rows db_rows_t *rows = db_query(
        db, "SELECT COUNT(*) FROM (SELECT 1 FROM function_search WHERE block = 0 LIMIT ?) loose",
        DB_PARAMS(db_int(BLOCK)), err);
    if (!rows || db_next(rows, err) < 0)
        return -1;
    return db_get_int(rows, 0) == BLOCK;
}

// The blocks that have lost most of their functions, or all; not more than `blocks` has room for.
static int worn_blocks(db_t *db, int64_t blocks[BLOCK], err_t *err)
{
    cleanup_db_rows db_rows_t *rows = db_query(
        db,
        "SELECT b.id FROM function_search_blocks b LEFT JOIN function_search s ON s.block = b.id"
        " GROUP BY b.id HAVING COUNT(s.block) < ? LIMIT ?",
        DB_PARAMS(db_int(BLOCK_LEFT), db_int(BLOCK)), err);
    int more = -1, count = 0;
    while (rows && (more = db_next(rows, err)) > 0)
        blocks[count++] = db_get_int(rows, 0);
    return more < 0 ? -1 : count;
}

// Their functions are in no block then, and those that are packed next may be among them.
static int give_up_blocks(db_t *db, err_t *err)
{
    int64_t blocks[BLOCK];
    int count = worn_blocks(db, blocks, err);
    for (int i = 0; i < count; i++)
        if (db_exec(db, "UPDATE function_search SET block = 0 WHERE block = ?",
                    DB_PARAMS(db_int(blocks[i])), NULL, err) < 0 ||
            db_exec(db, "DELETE FROM function_search_blocks WHERE id = ?",
                    DB_PARAMS(db_int(blocks[i])), NULL, err) < 0)
            return -1;
    return count < 0 ? -1 : 0;
}

// Locks what it will put into a block, but what is being written, and notes its grams.
static int take(db_t *db, query_t *members, uint8_t grams[GRAM_BYTES], err_t *err)
{
    cleanup_db_rows db_rows_t *rows =
        db_query(db,
                 "SELECT function_id, text FROM function_search WHERE block = 0"
                 " ORDER BY function_id LIMIT ? FOR UPDATE SKIP LOCKED",
                 DB_PARAMS(db_int(BLOCK)), err);
    int more = -1, count = 0;
    query_add(members, "UPDATE function_search SET block = LAST_INSERT_ID() WHERE function_id IN");
    while (rows && (more = db_next(rows, err)) > 0) {
        char id[ID_TEXT];
        size_t len;
        const char *text = db_get_text(rows, 1, &len);
        add_grams(grams, text, len);
        db_get_id(rows, 0, id);
        query_add1(members, count++ ? ", ?" : " (?", db_id(id));
    }
    query_add(members, ")");
    return more < 0 ? -1 : count == BLOCK;
}

static int pack(db_t *db, err_t *err)
{
    cleanup_query query_t members = QUERY_INIT;
    uint8_t grams[GRAM_BYTES] = {0};
    if (give_up_blocks(db, err) < 0 || db_begin(db, err) < 0)
        return -1;
    int taken = take(db, &members, grams, err);
    if (taken > 0 && (db_exec(db, "INSERT INTO function_search_blocks (grams) VALUES (?)",
                              DB_PARAMS(db_blob(grams, sizeof grams)), NULL, err) < 0 ||
                      query_exec(db, &members, NULL, err) < 0 || db_commit(db, err) < 0))
        taken = -1;
    if (taken <= 0)
        db_rollback(db);
    return taken;
}

int function_search_pack(db_t *db, err_t *err)
{
    static const char lock[] = "cloche_search";
    int rc = enough(db, err);
    if (rc > 0)
        rc = db_lock(db, lock, 0, err);
    if (rc <= 0)
        return rc;
    rc = pack(db, err);
    db_unlock(db, lock);
    return rc;
}
