// The columns that make a function_t, and how a row is read; for model/function*.c only.
#ifndef CLOCHE_MODEL_FUNCTION_ROW_H
#define CLOCHE_MODEL_FUNCTION_ROW_H

#include "model/function_table.h"
#include "model/row.h"

// Functions first, in the order of one of their keys: the optimizer would rather begin with the users,
// which are fewer, and then sort.
#define FUNCTION_FROM " FROM functions f STRAIGHT_JOIN users u ON u.id = f.owner_id"

typedef enum {
    FUNCTION_FULL,  // as it is
    FUNCTION_BRIEF, // without what lists leave out
    FUNCTION_AS_OF, // as of a version: `v` is its row in `function_versions`
} function_columns_t;

// Adds SELECT and the columns of a function; `f` is `functions`, `u` its owner's row in `users`.
void function_select(query_t *q, function_columns_t columns);

// Fills *out from the current row of such a query; the next column is row->column then. On failure *out
// is empty.
int function_read_row(row_t *row, function_t *out, err_t *err);

#endif
