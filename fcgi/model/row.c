#include "model/row.h"

#include "base/str.h"

void row_id(row_t *row, char out[ID_TEXT])
{
    db_get_id(row->rows, row->column++, out);
}

void row_text(row_t *row, char *out, size_t size)
{
    if (!str_copy(out, size, db_get_text(row->rows, row->column++, NULL)))
        row->bad = true;
}

char *row_copy(row_t *row, size_t *len)
{
    return db_get_copy(row->rows, row->column++, len, &row->bad);
}

int64_t row_int(row_t *row)
{
    return db_get_int(row->rows, row->column++);
}

int64_t row_known(row_t *row)
{
    int column = row->column++;
    return db_is_null(row->rows, column) ? -1 : db_get_int(row->rows, column);
}

int word_index(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++)
        if (str_eq(words[i], text))
            return i;
    return -1;
}

int row_word(row_t *row, const char *const *words)
{
    int index = row_word_or_null(row, words);
    if (index >= 0)
        return index;
    row->bad = true;
    return 0;
}

int row_word_or_null(row_t *row, const char *const *words)
{
    int column = row->column++;
    if (db_is_null(row->rows, column))
        return -1;
    int index = word_index(words, db_get_text(row->rows, column, NULL));
    if (index < 0)
        row->bad = true;
    return index;
}
