#include "keeper/code.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "core/frame.h"
#include "keeper/roster.h"

enum { CODES_MAX = 256 };

static const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

void codes_open(codes_t *all, size_t max_bytes)
{
    *all = (codes_t){.max_bytes = max_bytes};
}

void codes_free(codes_t *all)
{
    code_t *code, *next;
    HASH_ITER (hh, all->by_key, code, next)
        codes_remove(all, code);
}

static void make_key(char key[CODE_KEY], const char *function_id, int runtime)
{
    snprintf(key, CODE_KEY, "%s%c", function_id, '0' + runtime);
}

code_t *codes_find(codes_t *all, const char *function_id, runtime_t runtime)
{
    char key[CODE_KEY];
    code_t *code;
    make_key(key, function_id, runtime);
    HASH_FIND_STR(all->by_key, key, code);
    return code;
}

static void let_go(codes_t *all, code_t *code)
{
    all->bytes -= code->size;
    code->size = 0;
    fd_close(&code->fd);
}

void codes_drop(codes_t *all, code_t *code)
{
    let_go(all, code);
    code->asked = code->script = code->quick = false;
    code->failures = 0;
    code->retry_ns = 0;
}

void codes_remove(codes_t *all, code_t *code)
{
    codes_drop(all, code);
    HASH_DEL(all->by_key, code);
    free(code);
}

static code_t *add(codes_t *all, const lease_request_t *want)
{
    if (HASH_COUNT(all->by_key) == CODES_MAX)
        codes_remove(all, all->by_key);
    code_t *code = calloc(1, sizeof *code);
    if (!code)
        return NULL;
    make_key(code->key, want->function_id, want->runtime);
    code->want = *want;
    code->fd = -1;
    HASH_ADD_STR(all->by_key, key, code);
    return code;
}

code_t *codes_use(codes_t *all, const lease_request_t *want)
{
    code_t *code = codes_find(all, want->function_id, (runtime_t)want->runtime);
    if (!code)
        return add(all, want);
    if (!roster_alike(&code->want, want)) {
        if (want->revision <= code->want.revision)
            return NULL;
        codes_drop(all, code);
        code->want = *want;
    }
    // The table keeps the order of insertion.
    HASH_DEL(all->by_key, code);
    HASH_ADD_STR(all->by_key, key, code);
    return code;
}

static bool is_sealed(int fd, size_t *size)
{
    struct stat st;
    int found = fcntl(fd, F_GET_SEALS); // -1 for a file that can have none
    if (found < 0 || (found & seals) != seals || fstat(fd, &st) < 0)
        return false;
    *size = (size_t)st.st_size;
    return st.st_size > FRAME_HEADER && st.st_size <= FRAME_INIT_MAX;
}

static void make_room(codes_t *all, const code_t *for_whom)
{
    code_t *code, *next;
    HASH_ITER (hh, all->by_key, code, next) {
        if (all->bytes <= all->max_bytes)
            return;
        if (code != for_whom)
            let_go(all, code);
    }
}

int codes_store(codes_t *all, code_t *code, int fd, err_t *err)
{
    size_t size;
    if (!is_sealed(fd, &size)) {
        fd_close(&fd);
        return err_set(err, ERR_PROTOCOL, "the code is not in a sealed file of a size in bounds");
    }
    let_go(all, code);
    code->fd = fd;
    code->size = size;
    all->bytes += size;
    make_room(all, code);
    return 0;
}
