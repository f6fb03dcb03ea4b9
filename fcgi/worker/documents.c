#include "worker/documents.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "core/json.h"

enum {
    FILE_MAX = 4 * 1024 * 1024,
    PATH_BYTES = 1024,
    EXAMPLES_MAX = 200,
};

// 1: read, 0: not there, -1: error.
static int read_file(const char *path, buf_t *out, err_t *err)
{
    cleanup_fclose FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : err_errno(err, "cannot open %s", path);
    for (;;) {
        char *room = buf_room(out, BUFSIZ);
        if (!room)
            return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, out->max);
        size_t n = fread(room, 1, BUFSIZ, f);
        buf_grew(out, n);
        if (n < BUFSIZ)
            break;
    }
    return ferror(f) ? err_errno(err, "cannot read %s", path) : 1;
}

int documents_file(const char *path, char **out, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(FILE_MAX);
    int found = read_file(path, &text, err);
    if (found <= 0)
        return found;
    if (json_check(buf_str(&text), text.len, err) < 0)
        return err_wrap(err, "%s", path);
    *out = buf_take(&text);
    return 0;
}

// ---- examples

typedef struct {
    cJSON *tree;
    double order;
} example_t;

static int by_order(const void *a, const void *b)
{
    double x = ((const example_t *)a)->order, y = ((const example_t *)b)->order;
    return (x > y) - (x < y);
}

static int add_code(const char *folder, cJSON *tree, err_t *err)
{
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "file"));
    char path[PATH_BYTES];
    if (!file || strchr(file, '/') ||
        snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return err_set(err, ERR_INVALID, "`file` must name a file of the folder");
    cleanup_buf buf_t code = BUF_INIT(FILE_MAX);
    int found = read_file(path, &code, err);
    if (found < 0)
        return -1;
    if (!found)
        return err_set(err, ERR_INVALID, "there is no %s", path);
    if (!cJSON_AddStringToObject(tree, "code", buf_str(&code)))
        return err_set(err, ERR_INTERNAL, "out of memory");
    return 0;
}

static int read_example(const char *folder, const char *path, example_t *out, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(FILE_MAX);
    if (read_file(path, &text, err) < 0)
        return -1;
    cleanup_json cJSON *tree = json_parse(buf_str(&text), text.len, err);
    if (!tree || add_code(folder, tree, err) < 0)
        return -1;
    const cJSON *order = cJSON_GetObjectItemCaseSensitive(tree, "order");
    out->order = cJSON_IsNumber(order) ? order->valuedouble : 0;
    out->tree = tree;
    tree = NULL;
    return 0;
}

static int print(const example_t *examples, size_t count, char **out, err_t *err)
{
    cleanup_buf buf_t text = BUF_INIT(FILE_MAX);
    json_begin(&text, NULL, '{');
    json_begin(&text, "items", '[');
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *one = cJSON_PrintUnformatted(examples[i].tree);
        if (one)
            json_add_raw(&text, NULL, one, strlen(one));
    }
    json_end(&text, ']');
    json_add_null(&text, "next");
    json_end(&text, '}');
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "the examples are larger than %d bytes", FILE_MAX);
    *out = buf_take(&text);
    return 0;
}

int documents_examples(const char *folder, char **out, err_t *err)
{
    char pattern[PATH_BYTES];
    if (snprintf(pattern, sizeof pattern, "%s/*.json", folder) >= (int)sizeof pattern)
        return err_set(err, ERR_INVALID, "the folder of examples has too long a path");
    glob_t found = {0};
    example_t examples[EXAMPLES_MAX] = {{0}};
    size_t count = 0;
    int result = 0;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; result == 0 && i < found.gl_pathc && count < EXAMPLES_MAX; i++) {
            result = read_example(folder, found.gl_pathv[i], &examples[count], err);
            if (result == 0)
                count++;
            else
                err_wrap(err, "%s", found.gl_pathv[i]);
        }
    globfree(&found);
    qsort(examples, count, sizeof examples[0], by_order);
    if (result == 0)
        result = print(examples, count, out, err);
    for (size_t i = 0; i < count; i++)
        cJSON_Delete(examples[i].tree);
    return result;
}
