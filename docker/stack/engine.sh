# Whether the runtimes work here, and the engine that is not ours. Sourced by up.sh.
# shellcheck shell=bash

# An engine the user runs: it answers, on a version that knows what the keeper asks for, and leaves control
# groups to paths.
check_engine() {
    local api driver
    api=$(engine GET /version | jq -r .ApiVersion) || die_unanswered
    [[ $api =~ ^1\.([0-9]+)$ ]] && ((BASH_REMATCH[1] >= 41)) ||
        die "the Docker engine at unix://$DOCKER_SOCKET speaks API $api; Cloche needs 1.41 (Docker 20.10) or newer"
    driver=$(cgroup_driver)
    [[ $driver == cgroupfs ]] ||
        die "the Docker engine at unix://$DOCKER_SOCKET has the control group driver $driver, and engine = docker needs cgroupfs: \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in its daemon.json; engine = oci needs none, and compose.yaml takes it by itself where CLOCHE_ENGINE is empty"
}

# Docker makes a cell below a group that is there before it only where it leaves groups to paths; systemd has none
# made by others.
choose_engine() {
    local driver
    driver=$(cgroup_driver)
    case $driver in
    cgroupfs) CLOCHE_ENGINE=docker ;;
    systemd) CLOCHE_ENGINE=oci ;;
    *) die "the Docker engine at unix://$DOCKER_SOCKET has the control group driver $driver; Cloche needs cgroupfs or systemd" ;;
    esac
    printf 'cloche: engine = %s, since the Docker engine has the control group driver %s\n' "$CLOCHE_ENGINE" "$driver" >&2
}

cgroup_driver() {
    engine GET /info | jq -er .CgroupDriver || die_unanswered
}

die_unanswered() {
    die "no Docker engine answers at unix://$DOCKER_SOCKET"
}

# One container under gVisor, unless this very gVisor ran one on this kernel before. A machine where
# it does not run still serves everything else.
check_gvisor() {
    local mark stamp=$CLOCHE_HOME/gvisor-runs
    command -v runsc >/dev/null || { warn "runsc is not installed: functions cannot use the runtime gvisor"; return; }
    mark="$(runsc --version | head -n 1) $(uname -r)"
    [[ ! -e $stamp || $(<"$stamp") != "$mark" ]] || return 0
    if try_gvisor; then
        echo "$mark" >"$stamp"
    else
        rm -f "$stamp"
        warn "gVisor cannot run a container here: functions with the runtime gvisor answer runtime_unavailable"
    fi
}

try_gvisor() {
    local id status
    id=$(engine POST /containers/create -H 'Content-Type: application/json' --data "$(jq -n --arg parent "/$CLOCHE_CGROUP" '{
        Image: "cloche-python:current", Entrypoint: ["python3", "-c", "pass"], Cmd: [], NetworkDisabled: true,
        HostConfig: {Runtime: "runsc", NetworkMode: "none", CgroupParent: $parent, Memory: 134217728}}')" | jq -r .Id) || return 1
    status=1
    if engine POST "/containers/$id/start" >/dev/null; then
        status=$(engine POST "/containers/$id/wait" | jq -r .StatusCode) || status=1
    fi
    engine DELETE "/containers/$id?force=true" >/dev/null || true
    [[ $status == 0 ]]
}

# With the oci engine the keeper itself tries the runtimes, by a cell of each.
check_runtimes() {
    local missing
    wait_until 20 runtimes_are_known ||
        die "no container can be made here; $CLOCHE_HOME/log/keeper/current says why"
    missing=$(api GET /api/health | jq -r '.keeper.pools[] | select(.available | not).runtime')
    [[ $missing != *docker* ]] ||
        die "neither crun nor runc can make a container here; $CLOCHE_HOME/log/keeper/current says why"
    [[ -z $missing ]] ||
        warn "gVisor cannot run a container here: functions with the runtime gvisor answer runtime_unavailable"
}

runtimes_are_known() {
    api GET /api/health | jq -e .keeper.engine_ok >/dev/null
}
