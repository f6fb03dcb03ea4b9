// What an OCI runtime is given: the description of a cell, its system call profile, and its bundle.
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/oci_bundle.h"
#include "engine/oci_seccomp.h"
#include "engine/oci_spec.h"
#include "support.h"

static const engine_spec_t spec = {.id = "01926f5c-7d3e-7a10-8000-000000000001",
                                   .language = LANG_JAVASCRIPT,
                                   .runtime = RUNTIME_DOCKER,
                                   .uid = 700001,
                                   .cgroup_parent = "/cloche/cell",
                                   .socket_dir = "/run/a \"quoted\" dir/cell",
                                   .disk_mb = 16,
                                   .pids = 64,
                                   .memory_ceiling = 1152ULL << 20};

static cJSON *parse(const buf_t *text)
{
    cJSON *json = cJSON_ParseWithOpts(buf_str(text), NULL, true);
    assert_non_null(json);
    return json;
}

static cJSON *describe(const engine_spec_t *s, const char *filter)
{
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    const oci_dialect_t dialect = {.seccomp = "{\"a\":1}", .filter = filter};
    assert_ok(oci_spec(&text, s, "/images/javascript-1", "/cloche/cell/cell", &dialect));
    return parse(&text);
}

// "linux.resources.pids.limit", with numbers for the elements of arrays.
static const cJSON *at(const cJSON *json, const char *path)
{
    char part[64];
    for (const char *p = path; json && *p;) {
        size_t len = strcspn(p, ".");
        snprintf(part, sizeof part, "%.*s", (int)len, p);
        json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, part[0] - '0')
                                   : cJSON_GetObjectItemCaseSensitive(json, part);
        p += len + (p[len] == '.');
    }
    if (!json)
        fail_msg("no %s", path);
    return json;
}

static void assert_text(const cJSON *json, const char *path, const char *wanted)
{
    assert_string_equal(cJSON_GetStringValue(at(json, path)), wanted);
}

static void assert_number(const cJSON *json, const char *path, double wanted)
{
    assert_true(at(json, path)->valuedouble == wanted);
}

static bool lists(const cJSON *array, const char *word)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, array)
        if (cJSON_IsString(item) && str_eq(item->valuestring, word))
            return true;
    return false;
}

// The element whose member has this value.
static const cJSON *find(const cJSON *array, const char *member, const char *value)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, array)
        if (str_eq(cJSON_GetStringValue(at(item, member)), value))
            return item;
    fail_msg("no element with %s %s", member, value);
    return NULL;
}

static void the_whole_hardening_is_described(void **state)
{
    (void)state;
    cJSON *json = describe(&spec, NULL);
    assert_number(json, "process.user.uid", 700001);
    assert_number(json, "process.user.gid", 700001);
    assert_true(cJSON_IsTrue(at(json, "process.noNewPrivileges")));
    assert_number(json, "process.oomScoreAdj", 500);
    static const char *const sets[] = {"bounding", "effective", "inheritable", "permitted",
                                       "ambient"};
    for (size_t i = 0; i < COUNT(sets); i++) {
        const cJSON *set = at(at(json, "process.capabilities"), sets[i]);
        assert_true(cJSON_IsArray(set) && cJSON_GetArraySize(set) == 0);
    }
    assert_true(cJSON_IsTrue(at(json, "root.readonly")));
    assert_text(json, "root.path", "/images/javascript-1");
    assert_text(json, "linux.cgroupsPath", "/cloche/cell/cell");
    assert_number(json, "linux.resources.memory.limit", 1152.0 * 1024 * 1024);
    assert_number(json, "linux.resources.memory.swap", 1152.0 * 1024 * 1024);
    assert_number(json, "linux.resources.pids.limit", 64);
    assert_true(cJSON_IsFalse(at(json, "linux.resources.devices.0.allow")));
    assert_number(json, "linux.seccomp.a", 1);
    static const char *const spaces[] = {"mount", "network", "uts", "pid", "ipc", "cgroup"};
    for (size_t i = 0; i < COUNT(spaces); i++) {
        const cJSON *space = find(at(json, "linux.namespaces"), "type", spaces[i]);
        assert_null(cJSON_GetObjectItem(space, "path")); // its own, nobody else's
    }
    assert_true(lists(at(json, "linux.maskedPaths"), "/proc/kcore"));
    assert_true(lists(at(json, "linux.readonlyPaths"), "/proc/sys"));
    cJSON_Delete(json);
}

static void files_are_limited(void **state)
{
    (void)state;
    cJSON *json = describe(&spec, NULL);
    const cJSON *tmp = at(find(at(json, "mounts"), "destination", "/tmp"), "options");
    static const char *const wanted[] = {"noexec", "nosuid", "nodev", "size=16m", "nr_inodes=4096"};
    for (size_t i = 0; i < COUNT(wanted); i++)
        assert_true(lists(tmp, wanted[i]));
    const cJSON *own = find(at(json, "mounts"), "destination", "/run/cloche");
    assert_text(own, "source", "/run/a \"quoted\" dir/cell");
    assert_true(lists(at(own, "options"), "ro"));
    const cJSON *limits = at(json, "process.rlimits");
    assert_number(find(limits, "type", "RLIMIT_NOFILE"), "hard", 1024);
    assert_number(find(limits, "type", "RLIMIT_FSIZE"), "hard", 16.0 * 1024 * 1024);
    assert_number(find(limits, "type", "RLIMIT_CORE"), "hard", 0);
    assert_number(find(limits, "type", "RLIMIT_MSGQUEUE"), "hard", 0);
    cJSON_Delete(json);
}

static void a_sandbox_gets_no_profile(void **state)
{
    (void)state;
    engine_spec_t gvisor = spec;
    gvisor.runtime = RUNTIME_GVISOR;
    cJSON *json = describe(&gvisor, NULL);
    assert_null(cJSON_GetObjectItem(at(json, "linux"), "seccomp"));
    cJSON_Delete(json);
}

static void a_compiled_filter_stands_for_the_profile(void **state)
{
    (void)state;
    cJSON *json = describe(&spec, "AAECAw==");
    assert_null(cJSON_GetObjectItem(at(json, "linux"), "seccomp"));
    const cJSON *notes = at(json, "annotations");
    const cJSON *filter = cJSON_GetObjectItem(notes, "run.oci.seccomp_bpf_data");
    assert_string_equal(cJSON_GetStringValue(filter), "AAECAw==");
    cJSON_Delete(json);
}

// ---- system calls

static const char profile[] =
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
    "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
    "\"subArchitectures\":[\"SCMP_ARCH_X86\"]},"
    "{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[]}],"
    "\"syscalls\":["
    "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"comment\":\"always\"},"
    "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\","
    "\"args\":[{\"index\":0,\"value\":4294967295,\"op\":\"SCMP_CMP_EQ\"}]},"
    "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
    "{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\","
    "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
    "{\"names\":[\"unprivileged\"],\"action\":\"SCMP_ACT_ALLOW\","
    "\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
    "{\"names\":[\"intel\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"amd64\"]}},"
    "{\"names\":[\"other\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"arches\":[\"amd64\"]}},"
    "{\"names\":[\"recent\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"5.10\"}},"
    "{\"names\":[\"old\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"minKernel\":\"5.10\"}}]}";

static cJSON *translate(const char *machine, const char *release)
{
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    assert_ok(oci_seccomp(profile, machine, release, &text, NULL));
    return parse(&text);
}

static void assert_calls(const char *machine, const char *release, const char *wanted)
{
    cJSON *json = translate(machine, release);
    cleanup_buf buf_t names = BUF_INIT(1024);
    const cJSON *call;
    cJSON_ArrayForEach (call, at(json, "syscalls"))
        buf_addf(&names, "%s ", cJSON_GetStringValue(at(call, "names.0")));
    assert_string_equal(buf_str(&names), wanted);
    cJSON_Delete(json);
}

static void conditions_are_resolved(void **state)
{
    (void)state;
    assert_calls("x86_64", "6.1.0-18-amd64", "read clone clone3 unprivileged intel recent ");
    assert_calls("aarch64", "6.1.0", "read clone clone3 unprivileged other recent ");
    assert_calls("x86_64", "5.9.99", "read clone clone3 unprivileged intel old ");
    assert_calls("x86_64", "5.10", "read clone clone3 unprivileged intel recent ");
}

static void the_rest_stays_as_it_is(void **state)
{
    (void)state;
    cJSON *json = translate("x86_64", "6.1.0");
    assert_text(json, "defaultAction", "SCMP_ACT_ERRNO");
    assert_number(json, "defaultErrnoRet", 1);
    assert_int_equal(cJSON_GetArraySize(at(json, "architectures")), 2);
    assert_text(json, "architectures.0", "SCMP_ARCH_X86_64");
    assert_text(json, "architectures.1", "SCMP_ARCH_X86");
    assert_number(json, "syscalls.1.args.0.value", 4294967295.0);
    assert_number(json, "syscalls.2.errnoRet", 38);
    // An OCI runtime does not know these.
    assert_null(cJSON_GetObjectItem(at(json, "syscalls.0"), "comment"));
    assert_null(cJSON_GetObjectItem(at(json, "syscalls.3"), "excludes"));
    cJSON_Delete(json);
}

static void a_part_of_a_filter_is_none(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "[]",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\"",
        "{\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}],\"syscalls\":[]}",
        "{\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}],\"defaultAction\":\"A\"}",
        "{\"archMap\":[],\"defaultAction\":\"A\",\"syscalls\":[]}",
        "{\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}],\"defaultAction\":\"A\","
        "\"syscalls\":[{\"action\":\"B\"}]}",
    };
    for (size_t i = 0; i < COUNT(broken); i++) {
        cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
        assert_int_equal(oci_seccomp(broken[i], "x86_64", "6.1", &text, NULL), -1);
    }
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    assert_int_equal(oci_seccomp(profile, "vax", "6.1", &text, NULL), -1);
    assert_int_equal(oci_seccomp(profile, "s390x", "6.1", &text, NULL), -1);
}

// ---- bundles

static void a_bundle_tells_what_it_is_and_goes(void **state)
{
    (void)state;
    char base[] = "/tmp/cloche-oci-XXXXXX", dir[64], path[128];
    assert_non_null(mkdtemp(base));
    snprintf(dir, sizeof dir, "%s/cell", base);
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    assert_ok(
        oci_spec(&text, &spec, "/images/javascript-1", "/c", &(oci_dialect_t){.seccomp = "{}"}));
    assert_ok(bundle_make(dir, text.data, NULL));
    assert_int_equal(bundle_make(dir, text.data, NULL), -1);

    language_t language = LANG_PYTHON;
    runtime_t runtime = RUNTIME_GVISOR;
    assert_ok(bundle_kind(dir, &language, &runtime, NULL));
    assert_int_equal(language, LANG_JAVASCRIPT);
    assert_int_equal(runtime, RUNTIME_DOCKER);

    pid_t pid = 0;
    assert_int_equal(bundle_pid(dir, &pid, NULL), -1);
    snprintf(path, sizeof path, "%s/pid", dir);
    cleanup_fclose FILE *f = fopen(path, "w");
    fputs("1234\n", f);
    fflush(f);
    assert_ok(bundle_pid(dir, &pid, NULL));
    assert_int_equal(pid, 1234);

    snprintf(path, sizeof path, "%s/state", dir);
    assert_ok(mkdir(path, 0700));
    assert_ok(bundle_remove(dir, NULL));
    assert_ok(bundle_remove(dir, NULL));
    assert_ok(rmdir(base));
}

static void what_crun_compiled_is_found(void **state)
{
    (void)state;
    char base[] = "/tmp/cloche-oci-XXXXXX", path[128];
    cleanup_buf buf_t filter = BUF_INIT(OCI_SPEC_MAX);
    assert_non_null(mkdtemp(base));
    assert_int_equal(bundle_filter(base, "probe", &filter, NULL), -1);
    snprintf(path, sizeof path, "%s/state", base);
    assert_ok(mkdir(path, 0700));
    snprintf(path, sizeof path, "%s/state/probe", base);
    assert_ok(mkdir(path, 0700));
    snprintf(path, sizeof path, "%s/state/probe/seccomp.bpf", base);
    cleanup_fclose FILE *f = fopen(path, "w");
    assert_int_equal(bundle_filter(base, "probe", &filter, NULL), -1); // empty: no filter at all
    fwrite("\0\1\2\3", 1, 4, f);
    fflush(f);
    assert_ok(bundle_filter(base, "probe", &filter, NULL));
    assert_string_equal(buf_str(&filter), "AAECAw==");
    assert_ok(bundle_remove(base, NULL));
}

// ---- the engine

static const char cell_id[] = "01926f5c-7d3e-7a10-8000-000000000001";
static const char other_id[] = "01926f5c-7d3e-7a10-8000-000000000002";

static void make_folder(const char *run_dir, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/oci/%s", run_dir, name);
    assert_ok(mkdir(path, 0700));
}

// One that is being made says nothing yet, and must not be taken for a cell of another language.
static void only_whole_bundles_are_listed(void **state)
{
    (void)state;
    static config_t config = {.engine = "oci", .cgroup = "cloche-unit", .home = "/nonexistent"};
    char base[] = "/tmp/cloche-oci-XXXXXX", name[ENGINE_NAME], dir[400];
    assert_non_null(mkdtemp(base));
    str_copy(config.run, sizeof config.run, base);
    engine_t *engine = NULL;
    err_t err;
    assert_fails(engine_open(&config, NULL, &engine, &err), err, ERR_INVALID);
    assert_ok(engine_open(&config, profile, &engine, NULL));

    engine_name(cell_id, name);
    snprintf(dir, sizeof dir, "%s/oci/%s", base, name);
    cleanup_buf buf_t text = BUF_INIT(OCI_SPEC_MAX);
    assert_ok(
        oci_spec(&text, &spec, "/images/javascript-1", "/c", &(oci_dialect_t){.seccomp = "{}"}));
    assert_ok(bundle_make(dir, text.data, NULL));
    engine_name(other_id, name);
    make_folder(base, name);
    make_folder(base, "probe-crun");
    make_folder(base, "cloche-garbage");

    engine_cell_t *cells = NULL;
    int count = 0;
    assert_ok(engine_list(engine, &cells, &count, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(cells[0].cell, cell_id);
    assert_int_equal(cells[0].language, LANG_JAVASCRIPT);
    free(cells);

    assert_ok(engine_remove(engine, name, NULL));
    assert_ok(engine_remove(engine, name, NULL));
    bool runtimes[RUNTIME_COUNT];
    assert_fails(engine_ping(engine, runtimes, &err), err, ERR_UNAVAILABLE); // no image
    engine_close(engine);
    assert_ok(bundle_remove(base, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_hardening_is_described),
        cmocka_unit_test(files_are_limited),
        cmocka_unit_test(a_sandbox_gets_no_profile),
        cmocka_unit_test(a_compiled_filter_stands_for_the_profile),
        cmocka_unit_test(conditions_are_resolved),
        cmocka_unit_test(the_rest_stays_as_it_is),
        cmocka_unit_test(a_part_of_a_filter_is_none),
        cmocka_unit_test(a_bundle_tells_what_it_is_and_goes),
        cmocka_unit_test(what_crun_compiled_is_found),
        cmocka_unit_test(only_whole_bundles_are_listed),
    };
    return RUN_TESTS(tests);
}
