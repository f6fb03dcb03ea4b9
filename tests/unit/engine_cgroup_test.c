#include "engine/cgroup_join.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "support.h"

// A tree of plain files that stands for cgroupfs: what a mount would have is put there by hand.
static char root[] = "/tmp/cloche-cgroup-XXXXXX";
static const char cell[] = "01926f5c-7d3e-7a10-8000-000000000001";

static const char *at(const char *path)
{
    static char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    return full;
}

static void put(const char *path, const char *text)
{
    cleanup_fclose FILE *f = fopen(at(path), "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
}

static const char *get(const char *path)
{
    static char text[256];
    cleanup_fclose FILE *f = fopen(at(path), "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    return text;
}

static int delete_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int make_root(void **state)
{
    (void)state;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    return mkdtemp(root) ? 0 : -1;
}

static int delete_root(void **state)
{
    (void)state;
    return nftw(root, delete_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *shown = "/"; // what of a hierarchy a mount shows

static void mount_line(buf_t *out, const char *dir, const char *type, const char *options)
{
    assert_int_equal(mkdir(at(dir), 0755), 0);
    buf_addf(out, "36 35 98:0 %s %s/%s rw,relatime shared:9 - %s %s rw,%s\n", shown, root, dir,
             type, type, options);
}

static cgroups_t *open_v1(bool hybrid)
{
    cleanup_buf buf_t mounts = BUF_INIT(8192);
    buf_adds(&mounts, "22 1 8:1 / / rw - ext4 /dev/sda rw\n");
    mount_line(&mounts, "memory", "cgroup", "memory");
    mount_line(&mounts, "cpu,cpuacct", "cgroup", "cpu,cpuacct");
    mount_line(&mounts, "pids", "cgroup", "pids");
    mount_line(&mounts, "freezer", "cgroup", "freezer");
    mount_line(&mounts, "devices", "cgroup", "devices");
    if (hybrid)
        mount_line(&mounts, "unified", "cgroup2", "nsdelegate");
    put("mountinfo", mounts.data);
    cgroups_t *all = NULL;
    assert_ok(cgroups_open(at("mountinfo"), "cloche", &all, NULL));
    return all;
}

static void put_v1(const char *file, const char *text)
{
    char path[256];
    const char *dir = strncmp(file, "cpu", 3) == 0       ? "cpu,cpuacct"
                      : file[0] == 'm' || file[0] == 'c' ? "memory"
                      : file[0] == 'f'                   ? "freezer"
                                                         : "pids";
    snprintf(path, sizeof path, "%s/cloche/%s/%s", dir, cell, file);
    put(path, text);
}

// In a container with a control group namespace of its own, the machine's mounts begin above it.
static void the_top_may_be_above_a_namespace(void **state)
{
    (void)state;
    shown = "/../..";
    cgroups_t *all = open_v1(true);
    shown = "/";
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    assert_int_equal(access(at("memory/cloche"), F_OK), 0);
    assert_ok(cgroup_remove(&g, NULL));
    cgroups_close(all);
}

// Mounts that show no more than a part of the machine: a cell made there would be somewhere else.
static void a_part_of_a_hierarchy_is_none(void **state)
{
    (void)state;
    static const char *const parts[] = {"/docker/01", "/..a", "/../docker"};
    err_t err;
    for (size_t i = 0; i < COUNT(parts); i++) {
        cleanup_buf buf_t mounts = BUF_INIT(1024);
        buf_addf(&mounts, "36 35 98:0 %s %s rw - cgroup2 cgroup2 rw\n", parts[i], root);
        put("mountinfo", mounts.data);
        cgroups_t *all = NULL;
        assert_fails(cgroups_open(at("mountinfo"), "cloche", &all, &err), err, ERR_UNAVAILABLE);
    }
}

static void v1_makes_groups_where_it_uses_them(void **state)
{
    (void)state;
    cgroups_t *all = open_v1(true);
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    assert_ok(cgroup_make(&g, NULL));
    static const char *const used[] = {"memory", "cpu,cpuacct", "pids", "freezer"};
    for (size_t i = 0; i < COUNT(used); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/cloche/%s", used[i], cell);
        assert_int_equal(access(at(path), F_OK), 0);
    }
    assert_int_equal(access(at("devices/cloche"), F_OK), -1);
    // What the engine's runtime made beside them goes too.
    char path[256];
    snprintf(path, sizeof path, "devices/cloche/%s/inner", cell);
    assert_int_equal(mkdir(at("devices/cloche"), 0755), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mkdir(at(path), 0755), 0);
    assert_ok(cgroup_remove(&g, NULL));
    assert_int_equal(access(at(path), F_OK), -1);
    assert_ok(cgroup_remove(&g, NULL));
    cgroups_close(all);
    assert_int_equal(access(at("memory/cloche"), F_OK), -1);
}

static void v1_limits_and_figures(void **state)
{
    (void)state;
    char path[256];
    cgroups_t *all = open_v1(false);
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v1("memory.limit_in_bytes", "33554432\n");
    put_v1("memory.memsw.limit_in_bytes", "33554432\n");
    put_v1("memory.max_usage_in_bytes", "7340032\n");
    put_v1("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    put_v1("cpu.cfs_quota_us", "-1\n");
    put_v1("cpuacct.usage", "123456789\n");
    put_v1("cgroup.event_control", "");
    assert_ok(cgroup_watch(&g, NULL));
    assert_ok(cgroup_limit_memory(&g, 64 << 20, NULL));
    snprintf(path, sizeof path, "memory/cloche/%s/memory.memsw.limit_in_bytes", cell);
    assert_int_equal(strncmp(get(path), "67108864", 8), 0);
    assert_ok(cgroup_limit_cpu(&g, 50, NULL));
    snprintf(path, sizeof path, "cpu,cpuacct/cloche/%s/cpu.cfs_quota_us", cell);
    assert_int_equal(strncmp(get(path), "5000", 4), 0);
    meter_reading_t usage;
    assert_ok(meter_read(&g.meter, &usage, NULL));
    assert_int_equal(usage.cpu_us, 123456);
    assert_int_equal(usage.memory_peak_bytes, 7 << 20);
    assert_true(meter_reset_peak(&g.meter));
    put_v1("cpuacct.usage", "123466789\n");
    assert_ok(meter_read(&g.meter, &usage, NULL));
    assert_int_equal(usage.cpu_us, 123466);
    assert_false(cgroup_oom(&g));
    // A kill that nobody was told of is found by looking, and one that was told of without.
    put_v1("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    assert_false(cgroup_oom_told(&g));
    assert_true(cgroup_oom(&g));
    g.oom_seen = false;
    const uint64_t one = 1;
    assert_int_equal(write(g.oom, &one, sizeof one), sizeof one);
    assert_true(cgroup_oom_told(&g));
    cgroup_close(&g);
    cgroups_close(all);
}

static void v1_without_swap_accounting_limits_memory_alone(void **state)
{
    (void)state;
    cgroups_t *all = open_v1(false);
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v1("memory.limit_in_bytes", "33554432\n");
    assert_ok(cgroup_limit_memory(&g, 64 << 20, NULL));
    cgroups_close(all);
}

static cgroups_t *open_v2(void)
{
    cleanup_buf buf_t mounts = BUF_INIT(8192);
    mount_line(&mounts, "unified", "cgroup2", "nsdelegate");
    put("mountinfo", mounts.data);
    put("unified/cgroup.subtree_control", "");
    assert_int_equal(mkdir(at("unified/cloche"), 0755), 0);
    put("unified/cloche/cgroup.subtree_control", "");
    cgroups_t *all = NULL;
    assert_ok(cgroups_open(at("mountinfo"), "cloche", &all, NULL));
    return all;
}

static void put_v2(const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "unified/cloche/%s/%s", cell, file);
    put(path, text);
}

static const char *get_v2(const char *file)
{
    char path[256];
    snprintf(path, sizeof path, "unified/cloche/%s/%s", cell, file);
    return get(path);
}

static void v2_limits_and_figures(void **state)
{
    (void)state;
    cgroups_t *all = open_v2();
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v2("memory.max", "max\n");
    put_v2("memory.swap.max", "max\n");
    put_v2("memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0\n");
    put_v2("cpu.max", "max 100000\n");
    put_v2("cpu.stat", "usage_usec 4711\nuser_usec 4000\nsystem_usec 711\n");
    assert_ok(cgroup_watch(&g, NULL));
    assert_ok(cgroup_limit_memory(&g, 64 << 20, NULL));
    assert_string_equal(get_v2("memory.max"), "67108864");
    assert_int_equal(get_v2("memory.swap.max")[0], '0');
    assert_ok(cgroup_limit_cpu(&g, 250, NULL));
    assert_int_equal(strncmp(get_v2("cpu.max"), "25000 100000", 12), 0);
    meter_reading_t usage;
    assert_ok(meter_read(&g.meter, &usage, NULL));
    assert_int_equal(usage.cpu_us, 4711);
    assert_int_equal(usage.memory_peak_bytes, -1); // before Linux 5.19
    assert_false(meter_reset_peak(&g.meter));
    assert_false(cgroup_oom(&g));
    put_v2("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n");
    assert_true(cgroup_oom(&g));
    cgroup_close(&g);
    cgroups_close(all);
}

static void kill_reaches_every_process_and_lifts_the_quota(void **state)
{
    (void)state;
    char path[256], text[64];
    cgroups_t *all = open_v1(false);
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v1("cpu.cfs_quota_us", "5000");
    put_v1("freezer.state", "FROZEN");
    snprintf(path, sizeof path, "pids/cloche/%s/inner", cell);
    assert_int_equal(mkdir(at(path), 0755), 0);
    pid_t pid[2];
    for (int i = 0; i < 2; i++)
        if ((pid[i] = fork()) == 0) {
            pause();
            _exit(0);
        }
    snprintf(text, sizeof text, "%d\n%d\n", pid[0], pid[1]);
    snprintf(path, sizeof path, "pids/cloche/%s/inner/cgroup.procs", cell);
    put(path, text);
    assert_true(cgroup_has(&g, pid[1]));
    assert_false(cgroup_has(&g, getpid()));
    assert_int_equal(cgroup_kill(&g), 2);
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    assert_int_equal(cgroup_kill(&g), 0);
    snprintf(path, sizeof path, "cpu,cpuacct/cloche/%s/cpu.cfs_quota_us", cell);
    assert_int_equal(strncmp(get(path), "-1", 2), 0);
    snprintf(path, sizeof path, "freezer/cloche/%s/freezer.state", cell);
    assert_int_equal(strncmp(get(path), "THAWED", 6), 0);
    cgroups_close(all);
}

static void a_missing_controller_is_named(void **state)
{
    (void)state;
    err_t err = {0};
    cgroups_t *all;
    cleanup_buf buf_t mounts = BUF_INIT(8192);
    mount_line(&mounts, "memory", "cgroup", "memory");
    mount_line(&mounts, "pids", "cgroup", "pids");
    put("mountinfo", mounts.data);
    assert_fails(cgroups_open(at("mountinfo"), "cloche", &all, &err), err, ERR_UNAVAILABLE);
    assert_contains(err.msg, "cpu");
}

static void a_name_stays_below_its_mount(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", ".hidden"};
    put("mountinfo", "");
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t err = {0};
        cgroups_t *all;
        assert_fails(cgroups_open(at("mountinfo"), bad[i], &all, &err), err, ERR_INVALID);
    }
}

#define TREE_TEST(f) cmocka_unit_test_setup_teardown(f, make_root, delete_root)

static void v1_freezes_and_thaws(void **state)
{
    (void)state;
    cgroups_t *all = open_v1(false);
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v1("freezer.state", "");
    assert_true(cgroup_freezable(&g));
    assert_ok(cgroup_freeze(&g, true, NULL));
    char path[128];
    snprintf(path, sizeof path, "freezer/cloche/%s/freezer.state", cell);
    assert_string_equal(get(path), "FROZEN");
    assert_ok(cgroup_freeze(&g, false, NULL));
    assert_string_equal(get(path), "THAWED");
    cgroups_close(all);
}

static void v2_freezes_and_thaws(void **state)
{
    (void)state;
    cgroups_t *all = open_v2();
    cgroup_t g;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    put_v2("cgroup.freeze", "");
    assert_ok(cgroup_freeze(&g, true, NULL));
    assert_string_equal(get_v2("cgroup.freeze"), "1");
    assert_ok(cgroup_freeze(&g, false, NULL));
    assert_string_equal(get_v2("cgroup.freeze"), "0");
    cgroups_close(all);
}

// A device that a cell has not may not be used by any of them, and a process goes where its cell is.
static void v1_processes_join_their_cell(void **state)
{
    (void)state;
    cgroups_t *all = open_v1(true);
    cgroup_t g;
    cgroup_join_t join;
    cgroup_at(all, cell, &g);
    assert_ok(cgroup_make(&g, NULL));
    assert_int_equal(mkdir(at("devices/cloche"), 0755), 0);
    assert_int_equal(mkdir(at("devices/cloche/cells"), 0755), 0);
    put("devices/cloche/cells/devices.list", "a *:* rwm\n");
    put("devices/cloche/cells/devices.deny", "");
    put("devices/cloche/cells/devices.allow", "");
    assert_ok(cgroup_share(all, NULL));
    assert_string_equal(get("devices/cloche/cells/devices.deny"), "a");
    assert_memory_equal(get("devices/cloche/cells/devices.allow"), "c 5:2 rwm", 9);
    put("devices/cloche/cells/devices.list", "c 1:3 rwm\n");
    put("devices/cloche/cells/devices.deny", "");
    assert_ok(cgroup_share(all, NULL)); // a keeper before did it: its cells keep their devices
    assert_string_equal(get("devices/cloche/cells/devices.deny"), "");

    assert_int_equal(cgroup_join_open(&g, &join, NULL), -1);
    static const char *const dirs[] = {"memory", "cpu,cpuacct", "pids", "freezer"};
    char path[256];
    for (size_t i = 0; i < COUNT(dirs); i++) {
        snprintf(path, sizeof path, "%s/cloche/%s/tasks", dirs[i], cell);
        put(path, "");
    }
    put("devices/cloche/cells/tasks", "");
    assert_ok(cgroup_join_open(&g, &join, NULL));
    assert_ok(cgroup_join(&join));
    cgroup_join_close(&join);
    assert_string_equal(get("devices/cloche/cells/tasks"), "0");
    for (size_t i = 0; i < COUNT(dirs); i++) {
        snprintf(path, sizeof path, "%s/cloche/%s/tasks", dirs[i], cell);
        assert_string_equal(get(path), "0");
    }
    put_v1("pids.max", "");
    assert_ok(cgroup_limit_pids(&g, 64, NULL));
    snprintf(path, sizeof path, "pids/cloche/%s/pids.max", cell);
    assert_string_equal(get(path), "64");
    cgroups_close(all);
}

static void v2_leaves_it_to_the_runtime(void **state)
{
    (void)state;
    cgroups_t *all = open_v2();
    err_t err;
    assert_fails(cgroup_share(all, &err), err, ERR_UNAVAILABLE);
    cgroups_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE_TEST(the_top_may_be_above_a_namespace),
        TREE_TEST(a_part_of_a_hierarchy_is_none),
        TREE_TEST(v1_makes_groups_where_it_uses_them),
        TREE_TEST(v1_limits_and_figures),
        TREE_TEST(v1_without_swap_accounting_limits_memory_alone),
        TREE_TEST(v2_limits_and_figures),
        TREE_TEST(v1_freezes_and_thaws),
        TREE_TEST(v2_freezes_and_thaws),
        TREE_TEST(v1_processes_join_their_cell),
        TREE_TEST(v2_leaves_it_to_the_runtime),
        TREE_TEST(kill_reaches_every_process_and_lifts_the_quota),
        TREE_TEST(a_missing_controller_is_named),
        TREE_TEST(a_name_stays_below_its_mount),
    };
    return RUN_TESTS(tests);
}
