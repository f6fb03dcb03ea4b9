#!/bin/bash
# `make down`: ends everything this stack started, in an order in which nobody misses anybody, and leaves
# nothing but the data in CLOCHE_HOME. Works from any state, with any of its processes dead or stopped.

# shellcheck disable=SC2034 # lib.sh reads it
OF_RUNNING_STACK=1
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=/dev/null
source "$STACK/processes.sh"

# stop SECONDS SERVICE…: asks s6 to end them and waits; after that time they are killed.
stop() {
    local seconds=$1 service dirs=()
    shift
    for service in "$@"; do
        ! supervised "$SCAN/$service" || dirs+=("$SCAN/$service")
    done
    ((${#dirs[@]})) || return 0
    for service in "${dirs[@]}"; do
        s6-svc -d "$service"
    done
    s6-svwait -D -t $((seconds * 1000)) "${dirs[@]}" 2>/dev/null && return
    for service in "${dirs[@]}"; do
        s6-svc -k "$service"
    done
    s6-svwait -D -t 5000 "${dirs[@]}" 2>/dev/null || true
}

# Containers the keeper could not remove, in the engine's own records. Bounded: an engine that does not
# answer is ended with its processes.
remove_containers() {
    local id
    [[ -S $DOCKER_SOCKET ]] || return 0
    for id in $(curl --silent --max-time 5 --unix-socket "$DOCKER_SOCKET" \
        "http://docker/containers/json?all=true&filters=$(container_filter)" | jq -r '.[].Id' 2>/dev/null); do
        engine DELETE "/containers/$id?force=true" --max-time 10 >/dev/null || true
    done
}

# All of a private engine; of somebody else's only those with this stack's label.
container_filter() {
    local filter='{}'
    [[ -z $CLOCHE_DOCKER_HOST ]] || filter="{\"label\":[\"cloche.instance=$CLOCHE_RUN\"]}"
    jq -rn --argjson f "$filter" '$f | tojson | @uri'
}

# The sockets of shims lie outside CLOCHE_RUN; each shim's directory says where.
shim_sockets() {
    find "$CLOCHE_RUN/containerd" -name address -exec sed -e 's|^unix://||' -e 's|$|\n|' {} + 2>/dev/null |
        grep '^/run/containerd/s/' || true
}

end_tree() {
    s6-svscanctl -t "$SCAN" 2>/dev/null || true
    wait_until 3 no_processes && return
    stack_pids | xargs -r kill -CONT 2>/dev/null || true
    stack_pids | xargs -r kill -TERM 2>/dev/null || true
    wait_until 3 no_processes && return
    stack_pids | xargs -r kill -KILL 2>/dev/null || true
    wait_until 5 no_processes || true
}

report_leftovers() {
    local what=''
    no_processes || what+=" processes $(stack_pids | xargs)"
    [[ -z $(stack_mounts) ]] || what+=" mounts $(stack_mounts | xargs)"
    [[ -z $(cgroup_roots) ]] || what+=" control groups $(cgroup_roots | xargs)"
    [[ -z $what ]] || die "could not end everything; left over:$what"
}

main() {
    need_root
    if [[ ! -e $CLOCHE_RUN/.cloche ]] && no_processes && [[ -z $(cgroup_roots)$(stack_mounts) ]]; then
        echo "nothing runs in $CLOCHE_RUN"
        return
    fi
    [[ ! -d $CLOCHE_HOME ]] || lock_stack
    local sockets
    stop 5 nginx
    stop 10 fn api
    stop 20 keeper
    remove_containers
    sockets=$(shim_sockets)
    stop 15 dockerd
    kill_cells || true
    stop 5 containerd
    stop 60 mariadb
    end_tree
    xargs -r rm -f <<<"$sockets"
    unmount_all
    wait_until 5 remove_cgroups || true
    report_leftovers
    remove_run
    echo "stopped; the data stays in $CLOCHE_HOME"
}

main
