# Finding and ending what belongs to this stack: by its own marks, never by a program's name. Sourced.
# shellcheck shell=bash

# Pids of this stack: what the supervisor started carries CLOCHE_STACK in its environment (shims of
# containerd too); nginx overwrites its environment, but stays in its working directory; what runs in
# cells is in our control group.
stack_pids() {
    local dir
    {
        grep -lzxF "CLOCHE_STACK=$CLOCHE_RUN" /proc/[0-9]*/environ | cut -d / -f 3
        find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$CLOCHE_RUN/nginx" -o -lname "$CLOCHE_RUN/nginx (deleted)" \) -printf '%h\n' |
            while read -r dir; do
                [[ $(readlink "$dir/exe") != */nginx ]] || echo "${dir#/proc/}"
            done
    } 2>/dev/null || true
    cell_pids
}

cgroup_roots() {
    local dir
    for dir in /sys/fs/cgroup/"$CLOCHE_CGROUP" /sys/fs/cgroup/*/"$CLOCHE_CGROUP"; do
        [[ ! -d $dir ]] || echo "$dir"
    done
}

cell_pids() {
    local root
    for root in $(cgroup_roots); do
        find "$root" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done | sort -un
}

# Frozen processes die only once thawed. Cells hold no data, so nothing is lost by SIGKILL.
kill_cells() {
    local root
    for root in $(cgroup_roots); do
        find "$root" -name cgroup.kill -exec sh -c 'echo 1 >"$1"' _ {} \; 2>/dev/null || true
    done
    cell_pids | xargs -r kill -KILL 2>/dev/null || true
    for root in $(cgroup_roots); do
        find "$root" -name freezer.state -exec sh -c 'echo THAWED >"$1"' _ {} \; 2>/dev/null || true
        find "$root" -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' _ {} \; 2>/dev/null || true
    done
    wait_until 5 no_cells
}

no_cells() {
    [[ -z $(cell_pids) ]]
}

no_processes() {
    [[ -z $(stack_pids) ]]
}

# wait_until SECONDS COMMAND…: true as soon as the command is.
wait_until() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/./} < end)) || return 1
        sleep 0.05
    done
}

# Mounts the engine leaves in its own directories, innermost first. A disk that an administrator mounted
# at one of them is no concern of ours: its root is /, while the engine binds its directory to itself.
stack_mounts() {
    local root where
    while read -r _ _ _ root where _; do
        case $where in
        "$CLOCHE_RUN"/?* | "$CLOCHE_HOME"/docker/?* | "$CLOCHE_HOME"/containerd/?*) echo "$where" ;;
        "$CLOCHE_HOME/docker") [[ $root == / ]] || echo "$where" ;;
        esac
    done </proc/self/mountinfo | sort -r
}

unmount_all() {
    local where
    while read -r where; do
        umount "$where" 2>/dev/null || umount --lazy "$where" 2>/dev/null || true
    done < <(stack_mounts)
}

remove_cgroups() {
    local root
    for root in $(cgroup_roots); do
        find "$root" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    [[ -z $(cgroup_roots) ]]
}

# The directory itself stays when it is a mount point.
remove_run() {
    [[ -e $CLOCHE_RUN/.cloche ]] || return 0
    find "$CLOCHE_RUN" -xdev -mindepth 1 -delete
    rmdir "$CLOCHE_RUN" 2>/dev/null || true
}
