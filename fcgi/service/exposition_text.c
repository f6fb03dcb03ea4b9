#include "service/exposition_text.h"

void exposition_family(buf_t *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_escaped(buf_t *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buf_adds(out, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
}

static void add_name(buf_t *out, const char *name, const labels_t *labels)
{
    buf_adds(out, name);
    for (int i = 0; i < LABELS_MAX && labels->items[i].name; i++) {
        buf_addf(out, "%c%s=\"", i ? ',' : '{', labels->items[i].name);
        add_escaped(out, labels->items[i].value);
        buf_addc(out, '"');
    }
    buf_adds(out, labels->items[0].name ? "} " : " ");
}

void exposition_int(buf_t *out, const char *name, const labels_t *labels, int64_t value)
{
    add_name(out, name, labels);
    buf_addf(out, "%lld\n", (long long)value);
}

void exposition_scaled(buf_t *out, const char *name, const labels_t *labels, int64_t value,
                       int64_t scale)
{
    add_name(out, name, labels);
    buf_addf(out, "%.15g\n", (double)value / (double)scale);
}
