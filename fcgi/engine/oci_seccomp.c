#include "engine/oci_seccomp.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

// What one machine is called by uname, in Docker's conditions, and by libseccomp.
typedef struct {
    const char *machine, *condition, *architecture;
} names_t;

static const names_t known[] = {
    {"x86_64", "amd64", "SCMP_ARCH_X86_64"},     {"aarch64", "arm64", "SCMP_ARCH_AARCH64"},
    {"riscv64", "riscv64", "SCMP_ARCH_RISCV64"}, {"ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE"},
    {"s390x", "s390x", "SCMP_ARCH_S390X"},
};

static void cleanup_json(cJSON **json)
{
    cJSON_Delete(*json);
}

#define cleanup_json __attribute__((cleanup(cleanup_json)))

static const cJSON *get(const cJSON *of, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(of, name);
}

static bool lists(const cJSON *array, const char *word)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, array)
        if (cJSON_IsString(item) && str_eq(item->valuestring, word))
            return true;
    return false;
}

// Major and minor of "6.1.0-18-amd64" as one number; -1 if there are none.
static int64_t version(const char *release)
{
    char text[16];
    int64_t part[2];
    for (int i = 0; i < 2; i++) {
        size_t len = strspn(release, "0123456789");
        if (len == 0 || len >= sizeof text || (i == 0 && release[len] != '.'))
            return -1;
        memcpy(text, release, len);
        text[len] = '\0';
        if (str_int(text, 0, 9999, &part[i], NULL) < 0)
            return -1;
        release += len + 1;
    }
    return part[0] * 10000 + part[1];
}

static bool is_new_enough(const cJSON *wanted, const char *release)
{
    int64_t least = cJSON_IsString(wanted) ? version(wanted->valuestring) : -1;
    return least >= 0 && version(release) >= least;
}

// Whether an entry holds for a cell, which has no capabilities, on this machine.
static bool applies(const cJSON *entry, const names_t *names, const char *release)
{
    const cJSON *needs = get(entry, "includes"), *bars = get(entry, "excludes");
    if (lists(get(bars, "arches"), names->condition) ||
        (get(bars, "minKernel") && is_new_enough(get(bars, "minKernel"), release)))
        return false;
    return cJSON_GetArraySize(get(needs, "caps")) == 0 &&
           (cJSON_GetArraySize(get(needs, "arches")) == 0 ||
            lists(get(needs, "arches"), names->condition)) &&
           (!get(needs, "minKernel") || is_new_enough(get(needs, "minKernel"), release));
}

static int copy_member(cJSON *to, const cJSON *from, const char *name)
{
    const cJSON *item = get(from, name);
    return !item || cJSON_AddItemToObject(to, name, cJSON_Duplicate(item, true)) ? 0 : -1;
}

static int add_call(cJSON *calls, const cJSON *entry, err_t *err)
{
    if (cJSON_GetArraySize(get(entry, "names")) == 0 || !cJSON_IsString(get(entry, "action")))
        return err_set(err, ERR_INVALID, "seccomp profile: an entry lacks its names or its action");
    cJSON *call = cJSON_CreateObject();
    cJSON_AddItemToArray(calls, call);
    if (copy_member(call, entry, "names") < 0 || copy_member(call, entry, "action") < 0 ||
        copy_member(call, entry, "errnoRet") < 0 || copy_member(call, entry, "args") < 0)
        return err_set(err, ERR_INTERNAL, "out of memory");
    return 0;
}

static int add_calls(cJSON *to, const cJSON *profile, const names_t *names, const char *release,
                     err_t *err)
{
    const cJSON *entry, *entries = get(profile, "syscalls");
    cJSON *calls = cJSON_AddArrayToObject(to, "syscalls");
    if (!cJSON_IsArray(entries) || !cJSON_IsString(get(profile, "defaultAction")))
        return err_set(err, ERR_INVALID, "seccomp profile: no system calls or no default");
    cJSON_ArrayForEach (entry, entries)
        if (applies(entry, names, release) && add_call(calls, entry, err) < 0)
            return -1;
    return 0;
}

static int add_architectures(cJSON *to, const cJSON *profile, const names_t *names, err_t *err)
{
    cJSON *list = cJSON_AddArrayToObject(to, "architectures");
    const cJSON *entry, *more;
    cJSON_ArrayForEach (entry, get(profile, "archMap")) {
        const char *name = cJSON_GetStringValue(get(entry, "architecture"));
        if (!name || !str_eq(name, names->architecture))
            continue;
        cJSON_AddItemToArray(list, cJSON_CreateString(name));
        cJSON_ArrayForEach (more, get(entry, "subArchitectures"))
            cJSON_AddItemToArray(list, cJSON_Duplicate(more, true));
        return 0;
    }
    return err_set(err, ERR_INVALID, "seccomp profile: it has no %s", names->architecture);
}

int oci_seccomp(const char *profile, const char *machine, const char *release, buf_t *out,
                err_t *err)
{
    const names_t *names = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eq(known[i].machine, machine))
            names = &known[i];
    if (!names)
        return err_set(err, ERR_INVALID, "seccomp profile: the machine %.32s is not known",
                       machine);
    cleanup_json cJSON *from = cJSON_ParseWithOpts(profile, NULL, true);
    if (!from)
        return err_set(err, ERR_INVALID_JSON, "seccomp profile: it is not JSON");
    cleanup_json cJSON *to = cJSON_CreateObject();
    if (add_architectures(to, from, names, err) < 0 || add_calls(to, from, names, release, err) < 0)
        return -1;
    if (copy_member(to, from, "defaultAction") < 0 || copy_member(to, from, "defaultErrnoRet") < 0)
        return err_set(err, ERR_INTERNAL, "out of memory");
    cleanup_free char *text = cJSON_PrintUnformatted(to);
    return text && buf_adds(out, text) == 0 ? 0 : err_set(err, ERR_INTERNAL, "out of memory");
}
