// Strings: strict parsing of numbers from outside, and small helpers that cannot overrun.
#ifndef CLOCHE_BASE_STR_H
#define CLOCHE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// The whole string must be a decimal integer within [min, max]: no blanks, no plus sign.
int str_int(const char *text, int64_t min, int64_t max, int64_t *out, err_t *err) MUSTCHECK;
// The whole string must be a finite decimal number within [min, max].
int str_number(const char *text, double min, double max, double *out, err_t *err) MUSTCHECK;

// Copies text; false (and out cut short, still terminated) when it does not fit.
bool str_copy(char *out, size_t size, const char *text);

// Whether all `len` bytes are well-formed UTF-8 (RFC 3629: no overlongs, surrogates, > U+10FFFF).
bool str_utf8(const char *data, size_t len);

// Cuts `len` back to the last full UTF-8 character that ends at or before it.
size_t str_utf8_cut(const char *data, size_t len);

bool str_starts(const char *text, const char *prefix);
bool str_eq(const char *a, const char *b);
// ASCII only; independent of the locale.
bool str_ieq(const char *a, const char *b);
bool str_istarts(const char *text, const char *prefix);

// Value of a hex digit, or -1.
int str_hex(char c);

#endif
