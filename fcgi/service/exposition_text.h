// The text format itself: families, and samples with labels; for service/exposition*.c only.
#ifndef CLOCHE_SERVICE_EXPOSITION_TEXT_H
#define CLOCHE_SERVICE_EXPOSITION_TEXT_H

#include <stdint.h>

#include "base/buf.h"

typedef struct {
    const char *name, *value;
} label_t;

enum { LABELS_MAX = 6 };

// Labels of a sample, ended by one without a name.
typedef struct {
    label_t items[LABELS_MAX];
} labels_t;

#define LABELS(...) (&(const labels_t){{__VA_ARGS__}})

// `type`: counter, gauge or histogram. Comes once, before the family's samples.
void exposition_family(buf_t *out, const char *name, const char *type, const char *help);
void exposition_int(buf_t *out, const char *name, const labels_t *labels, int64_t value);
// Thousandths or millionths of the unit: `value / scale`.
void exposition_scaled(buf_t *out, const char *name, const labels_t *labels, int64_t value,
                       int64_t scale);

#endif
