#include "service/lines.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct {
    const char *text;
    size_t len; // with its newline, if it has one
} line_t;

static size_t line_len(const char *p)
{
    const char *end = strchr(p, '\n');
    return end ? (size_t)(end + 1 - p) : strlen(p);
}

// The lines of a text, for the caller to free; NULL without memory.
static line_t *split(const char *text, size_t *count)
{
    size_t n = 0;
    for (const char *p = text; *p; p += line_len(p))
        n++;
    line_t *lines = calloc(n + 1, sizeof *lines);
    for (*count = 0; lines && *text; text += line_len(text))
        lines[(*count)++] = (line_t){text, line_len(text)};
    return lines;
}

// Some order in which equal lines are neighbours.
static int compare(const void *x, const void *y)
{
    const line_t *a = x, *b = y;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(a->text, b->text, a->len);
}

int lines_compare(const char *a, const char *b, int64_t *added, int64_t *removed, err_t *err)
{
    size_t a_count, b_count, i = 0, k = 0;
    // Most texts differ in few places: what they begin with alike needs no sorting.
    for (size_t n; *a && (n = line_len(a)) == line_len(b) && memcmp(a, b, n) == 0; a += n)
        b += n;
    cleanup_free line_t *left = split(a, &a_count);
    cleanup_free line_t *right = split(b, &b_count);
    if (!left || !right)
        return err_set(err, ERR_INTERNAL, "out of memory");
    qsort(left, a_count, sizeof *left, compare);
    qsort(right, b_count, sizeof *right, compare);
    *added = *removed = 0;
    while (i < a_count || k < b_count) {
        int order = i == a_count ? 1 : k == b_count ? -1 : compare(&left[i], &right[k]);
        *removed += order < 0;
        *added += order > 0;
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}
