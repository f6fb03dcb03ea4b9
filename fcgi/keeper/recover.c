// After a restart: cells of the keeper before are known by their directories, so that workers can claim
// theirs even while the engine is away. What nobody claims within the grace is ended.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/limits.h"

enum { GRACE_MS = 2000 };

static cell_t *add_found(keeper_t *k, const char *id, language_t language, runtime_t runtime)
{
    cell_t *c = cell_new(&k->ground, id, language, runtime, CELL_FOUND, &k->census);
    if (!c)
        return NULL;
    c->keeper = k;
    c->alarm.owner = c;
    HASH_ADD_STR(k->cells, body.id, c);
    return c;
}

static void on_grace_over(alarm_t *alarm)
{
    keeper_t *k = alarm->owner;
    cell_t *c, *next;
    k->settled = true;
    HASH_ITER (hh, k->cells, c, next)
        if (c->state == CELL_FOUND)
            supply_end(c);
}

int recover_open(keeper_t *k, err_t *err)
{
    int fd = dup(k->ground.dir);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return err_errno(err, "cannot list %s", k->ground.path);
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat st;
        // Language and runtime are learned from the engine's list.
        cell_t *c =
            id_valid(e->d_name) ? add_found(k, e->d_name, LANG_PYTHON, RUNTIME_DOCKER) : NULL;
        if (!c || fstatat(k->ground.dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        c->body.uid = st.st_uid;
        supply_note_uid(k, st.st_uid);
    }
    closedir(dir);
    k->grace.fn = on_grace_over;
    k->grace.owner = k;
    loop_arm(k->loop, &k->grace, in_ms(clock_mono_ns(), GRACE_MS));
    return 0;
}

// Takes the cell over for this client. What it used before its first keeper ended is not known apart, so
// CPU counts from the cell's start.
static int adopt(client_t *client, cell_t *c, const char *function_id, int64_t deadline_ns,
                 err_t *err)
{
    keeper_t *k = client->keeper;
    function_t *f = roster_get(&k->roster, function_id);
    int64_t latest = in_ms(clock_mono_ns(), LIMIT_TIMEOUT_MS);
    if (!f)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (cgroup_watch(&c->body.group, err) < 0)
        return -1;
    lease_bind(client, c, f, deadline_ns < latest ? deadline_ns : latest);
    return supply_watch_memory(c, err);
}

void recover_hold(client_t *client, const char *cell, const char *function_id, int64_t deadline_ns)
{
    cell_t *c;
    err_t err;
    HASH_FIND_STR(client->keeper->cells, cell, c);
    if (c && c->state == CELL_FOUND) {
        if (adopt(client, c, function_id, deadline_ns, &err) == 0) {
            log_info("a cell is held by its worker", "cell", cell, NULL);
            client_tell(client, MSG_ACK);
            return;
        }
        log_fail(LOG_WARN, "a held cell cannot be taken over", &err, "cell", cell, NULL);
        supply_end(c);
    }
    client_send(client, &(lease_msg_t){.type = MSG_KILLED, .killed.why = WHY_NONE}, NULL, 0);
}

void recover_listed(keeper_t *k, const engine_cell_t *listed)
{
    cell_t *c;
    HASH_FIND_STR(k->cells, listed->cell, c);
    if (c) {
        cell_retype(c, listed->language, listed->runtime);
        return;
    }
    c = add_found(k, listed->cell, listed->language, listed->runtime);
    if (c && k->settled)
        supply_end(c);
}
