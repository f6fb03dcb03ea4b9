#include "engine/docker_spec.h"

#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "engine/engine_impl.h"

// Appends text as a JSON string.
static void add_quoted(buf_t *out, const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    char *quoted = cJSON_PrintUnformatted(string);
    if (quoted)
        buf_adds(out, quoted);
    else
        out->failed = true; // a spec that lacks a part must not be sent
    cJSON_free(quoted);
    cJSON_Delete(string);
}

static void add_process(buf_t *out, const engine_spec_t *spec)
{
    buf_addf(out,
             "\"Image\":\"cloche-%s:current\",\"Cmd\":[\"/cloche/launcher\"],"
             "\"User\":\"%u:%u\",\"WorkingDir\":\"/tmp\",\"Hostname\":\"cell\","
             "\"NetworkDisabled\":true,\"Tty\":false,\"OpenStdin\":false,",
             language_name(spec->language), spec->uid, spec->uid);
}

static void add_labels(buf_t *out, const engine_spec_t *spec, const char *installation)
{
    buf_addf(out,
             "\"Labels\":{\"" DOCKER_LABEL_CELL "\":\"%s\",\"" DOCKER_LABEL_LANGUAGE
             "\":\"%s\",\"" DOCKER_LABEL_RUNTIME "\":\"%s\",\"" DOCKER_LABEL_INSTALLATION "\":",
             spec->id, language_name(spec->language), runtime_name(spec->runtime));
    add_quoted(out, installation);
    buf_adds(out, "},");
}

static void add_security(buf_t *out, const engine_spec_t *spec, const char *seccomp)
{
    buf_adds(out, "\"Privileged\":false,\"CapDrop\":[\"ALL\"],\"ReadonlyRootfs\":true,"
                  "\"NetworkMode\":\"none\",\"IpcMode\":\"none\",\"CgroupnsMode\":\"private\","
                  "\"SecurityOpt\":[\"no-new-privileges\"");
    // runsc does not apply a profile; its sandbox stands in for one.
    cleanup_buf buf_t profile = BUF_INIT(DOCKER_SPEC_MAX);
    if (spec->runtime == RUNTIME_GVISOR)
        buf_adds(&profile, "seccomp=unconfined");
    else if (seccomp)
        buf_addf(&profile, "seccomp=%s", seccomp);
    if (profile.len) {
        buf_addc(out, ',');
        add_quoted(out, profile.data);
    }
    out->failed = out->failed || buf_failed(&profile);
    buf_adds(out, "],");
}

static void add_limits(buf_t *out, const engine_spec_t *spec)
{
    unsigned long long memory = spec->memory_ceiling, disk = spec->disk_mb * 1024ULL * 1024;
    buf_addf(out,
             "\"CgroupParent\":\"%s\",\"Memory\":%llu,\"MemorySwap\":%llu,\"PidsLimit\":%u,"
             "\"OomScoreAdj\":%d,",
             spec->cgroup_parent, memory, memory, spec->pids, CELL_OOM_SCORE);
    buf_addf(out,
             "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":%d,\"Hard\":%d},"
             "{\"Name\":\"fsize\",\"Soft\":%llu,\"Hard\":%llu},"
             "{\"Name\":\"core\",\"Soft\":0,\"Hard\":0},"
             "{\"Name\":\"msgqueue\",\"Soft\":0,\"Hard\":0}],",
             CELL_OPEN_FILES, CELL_OPEN_FILES, disk, disk);
}

static void add_files(buf_t *out, const engine_spec_t *spec)
{
    buf_addf(out,
             "\"Tmpfs\":{\"/tmp\":\"rw,noexec,nosuid,nodev,mode=1777,size=%um,nr_inodes=%u\"},"
             "\"Mounts\":[{\"Type\":\"bind\",\"Target\":\"/run/cloche\",\"ReadOnly\":true,"
             "\"BindOptions\":{\"Propagation\":\"rprivate\"},\"Source\":",
             spec->disk_mb, spec->disk_mb * CELL_INODES_PER_MB);
    add_quoted(out, spec->socket_dir);
    buf_adds(out, "}],");
}

int docker_spec(buf_t *out, const engine_spec_t *spec, const char *installation,
                const char *seccomp)
{
    buf_addc(out, '{');
    add_process(out, spec);
    add_labels(out, spec, installation);
    buf_adds(out, "\"HostConfig\":{");
    add_security(out, spec, seccomp);
    add_limits(out, spec);
    add_files(out, spec);
    buf_addf(out,
             "\"Runtime\":\"%s\",\"AutoRemove\":false,\"Init\":false,"
             "\"LogConfig\":{\"Type\":\"none\"},\"RestartPolicy\":{\"Name\":\"no\"}}}",
             spec->runtime == RUNTIME_GVISOR ? "runsc" : "runc");
    return buf_failed(out) ? -1 : 0;
}
