#include "engine/oci_spec.h"

#include <cjson/cJSON.h>

#include "engine/engine_impl.h"

// ,"name":"text" with the text quoted for JSON.
static void add_text(buf_t *out, const char *name, const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    char *quoted = cJSON_PrintUnformatted(string);
    if (quoted)
        buf_addf(out, ",\"%s\":%s", name, quoted);
    else
        out->failed = true; // a spec that lacks a part must not be used
    cJSON_free(quoted);
    cJSON_Delete(string);
}

static void add_limit(buf_t *out, const char *name, unsigned long long value)
{
    buf_addf(out, "{\"type\":\"RLIMIT_%s\",\"soft\":%llu,\"hard\":%llu}", name, value, value);
}

static void add_process(buf_t *out, const engine_spec_t *spec)
{
    buf_addf(out,
             "\"process\":{\"terminal\":false,\"user\":{\"uid\":%u,\"gid\":%u,"
             "\"additionalGids\":[%u]},\"args\":[\"/cloche/launcher\"],"
             "\"env\":[\"PATH=/usr/local/bin:/usr/bin:/bin\",\"HOSTNAME=cell\"],\"cwd\":\"/tmp\","
             "\"capabilities\":{\"bounding\":[],\"effective\":[],\"inheritable\":[],"
             "\"permitted\":[],\"ambient\":[]},\"noNewPrivileges\":true,\"oomScoreAdj\":%d,"
             "\"rlimits\":[",
             spec->uid, spec->uid, spec->uid, CELL_OOM_SCORE);
    add_limit(out, "NOFILE", CELL_OPEN_FILES);
    buf_addc(out, ',');
    add_limit(out, "FSIZE", spec->disk_mb * 1024ULL * 1024);
    buf_addc(out, ',');
    add_limit(out, "CORE", 0);
    buf_addc(out, ',');
    add_limit(out, "MSGQUEUE", 0);
    buf_adds(out, "]}");
}

// No /sys/fs/cgroup and no /dev/shm: what is not there need not be closed.
static void add_mounts(buf_t *out, const engine_spec_t *spec)
{
    buf_addf(
        out,
        ",\"mounts\":["
        "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
        "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
        "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
        "\"options\":[\"nosuid\",\"noexec\",\"strictatime\",\"mode=755\",\"size=64k\"]},"
        "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":"
        "[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
        "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
        "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
        "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
        "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
        "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"rw\","
        "\"noexec\",\"nosuid\",\"nodev\",\"mode=1777\",\"size=%um\",\"nr_inodes=%u\"]},"
        "{\"destination\":\"/run/cloche\",\"type\":\"bind\","
        "\"options\":[\"rbind\",\"ro\",\"nosuid\",\"nodev\",\"noexec\",\"rprivate\"]",
        spec->disk_mb, spec->disk_mb * CELL_INODES_PER_MB);
    add_text(out, "source", spec->socket_dir);
    buf_adds(out, "}]");
}

// Memory here is the second bound; the first, and CPU, are set on the group above.
static void add_resources(buf_t *out, const engine_spec_t *spec)
{
    unsigned long long memory = spec->memory_ceiling;
    buf_addf(out,
             ",\"resources\":{\"memory\":{\"limit\":%llu,\"swap\":%llu},\"pids\":{\"limit\":%u},"
             "\"devices\":[{\"allow\":false,\"access\":\"rwm\"}",
             memory, memory, spec->pids);
    // null, zero, full, random, urandom, tty: what the runtime makes in /dev.
    static const int devices[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}};
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        buf_addf(out,
                 ",{\"allow\":true,\"type\":\"c\",\"major\":%d,\"minor\":%d,\"access\":\"rwm\"}",
                 devices[i][0], devices[i][1]);
    buf_adds(out, "]}");
}

static void add_linux(buf_t *out, const engine_spec_t *spec, const char *group,
                      const oci_dialect_t *dialect)
{
    buf_adds(out, ",\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\"},"
                  "{\"type\":\"uts\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"cgroup\"}],"
                  "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","
                  "\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
                  "\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],"
                  "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
                  "\"/proc/sysrq-trigger\"]");
    add_text(out, "cgroupsPath", group);
    add_resources(out, spec);
    // runsc does not apply a profile; its sandbox stands in for one.
    if (spec->runtime != RUNTIME_GVISOR && !dialect->filter)
        buf_addf(out, ",\"seccomp\":%s", dialect->seccomp);
    buf_addc(out, '}');
}

int oci_spec(buf_t *out, const engine_spec_t *spec, const char *rootfs, const char *group,
             const oci_dialect_t *dialect)
{
    buf_adds(out, "{\"ociVersion\":\"1.0.2\",");
    add_process(out, spec);
    buf_adds(out, ",\"root\":{\"readonly\":true");
    add_text(out, "path", rootfs);
    buf_adds(out, "},\"hostname\":\"cell\"");
    buf_addf(out, ",\"annotations\":{\"" OCI_LANGUAGE "\":\"%s\",\"" OCI_RUNTIME "\":\"%s\"",
             language_name(spec->language), runtime_name(spec->runtime));
    if (dialect->filter)
        add_text(out, "run.oci.seccomp_bpf_data", dialect->filter);
    buf_addc(out, '}');
    add_mounts(out, spec);
    add_linux(out, spec, group, dialect);
    buf_addc(out, '}');
    return buf_failed(out) ? -1 : 0;
}
