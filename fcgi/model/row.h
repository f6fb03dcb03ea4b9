// The columns of a row, taken one after the other; for model/ only.
#ifndef CLOCHE_MODEL_ROW_H
#define CLOCHE_MODEL_ROW_H

#include "db/db.h"

typedef struct {
    const db_rows_t *rows;
    int column; // the next one
    bool bad;   // a value did not fit or there was no memory for it; check once, at the end
} row_t;

void row_id(row_t *row, char out[ID_TEXT]);
void row_text(row_t *row, char *out, size_t size);
char *row_copy(row_t *row, size_t *len); // NULL for NULL; `len` may be NULL
int64_t row_int(row_t *row);
int64_t row_known(row_t *row); // -1 for NULL
// The index of a word; the second takes NULL as -1.
int row_word(row_t *row, const char *const *words);
int row_word_or_null(row_t *row, const char *const *words);

// The index of a word in a list that ends in NULL, or -1.
int word_index(const char *const *words, const char *text);

#endif
