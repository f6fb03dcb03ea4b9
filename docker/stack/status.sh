#!/bin/bash
# `make status`: what runs. Exit 0 only when all services are up.

# shellcheck disable=SC2034 # lib.sh reads it
OF_RUNNING_STACK=1
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

# Memory of all processes in the session of pid $1: a service is the leader of a session of its own.
session_rss_kb() {
    local stat fields pages=0 resident
    for stat in /proc/[0-9]*/stat; do
        { fields=$(<"$stat"); } 2>/dev/null || continue
        read -r _ _ _ session _ <<<"${fields##*) }"
        [[ $session == "$1" ]] || continue
        { read -r _ resident _ <"${stat%/stat}/statm"; } 2>/dev/null || continue
        pages=$((pages + resident))
    done
    echo $((pages * $(getconf PAGESIZE) / 1024))
}

duration() {
    local s=$1
    if ((s < 60)); then
        printf '%ds' "$s"
    elif ((s < 3600)); then
        printf '%dm%02ds' $((s / 60)) $((s % 60))
    else
        printf '%dh%02dm' $((s / 3600)) $((s % 3600 / 60))
    fi
}

# How often it has ended and was started again since `make up`.
restarts() {
    s6-svdt "$1" 2>/dev/null | wc -l
}

cells() {
    local root dir count=0
    for root in "/sys/fs/cgroup/$CLOCHE_CGROUP" "/sys/fs/cgroup/memory/$CLOCHE_CGROUP"; do
        for dir in "$root"/*/; do
            [[ ! -d $dir ]] || count=$((count + 1))
        done
    done
    echo "$count"
}

# row SERVICE STATE PID SECONDS MEMORY_MB RESTARTS
row() {
    printf '%-11s %-9s %8s %9s %7d MB %9s\n' "$1" "$2" "$3" "$(duration "$4")" "$5" "$6"
}

# Under s6. Fails when the service is not up.
show_supervised() {
    local service=$1 dir=$SCAN/$1 up ready pid seconds state=up
    read -r up ready pid seconds < <(s6-svstat -o up,ready,pid,updownfor "$dir" 2>/dev/null) && [[ $up == true ]] || {
        printf '%-11s %-9s\n' "$service" down
        return 1
    }
    [[ $ready == true || ! -e $dir/notification-fd ]] || state=starting
    row "$service" "$state" "$pid" "$seconds" $(($(session_rss_kb "$pid") / 1024)) "$(restarts "$dir")"
    [[ $state == up ]]
}

# The same of a unit of systemd.
show_unit() {
    local service=$1 name value state
    local -A is=()
    while IFS='=' read -r name value; do
        is[$name]=$value
    done < <(systemctl show "cloche-$service.service" \
        -p ActiveState,MainPID,ActiveEnterTimestampMonotonic,NRestarts)
    case ${is[ActiveState]} in
    active) state=up ;;
    activating | reloading) state=starting ;;
    *)
        printf '%-11s %-9s\n' "$service" "$([[ ${is[ActiveState]} == failed ]] && echo failed || echo down)"
        return 1
        ;;
    esac
    row "$service" "$state" "${is[MainPID]}" "$(seconds_since_boot "${is[ActiveEnterTimestampMonotonic]}")" \
        $(($(unit_rss_kb "cloche-$service.service") / 1024)) "${is[NRestarts]}"
    [[ $state == up ]]
}

# Seconds from a time in microseconds since boot, 0 being never, until now.
seconds_since_boot() {
    local uptime
    read -r uptime _ </proc/uptime
    echo $(($1 ? ${uptime%.*} - $1 / 1000000 : 0))
}

unit_rss_kb() {
    local pid pages=0 resident group
    group=$(systemctl show "$1" -p ControlGroup --value)
    while read -r pid; do
        { read -r _ resident _ <"/proc/$pid/statm"; } 2>/dev/null || continue
        pages=$((pages + resident))
    done < <(cat /sys/fs/cgroup{,/systemd,/unified}"$group/cgroup.procs" 2>/dev/null | sort -u)
    echo $((pages * $(getconf PAGESIZE) / 1024))
}

main() {
    need_root
    local service show=show_supervised all=0
    ! installed || show=show_unit
    printf '%-11s %-9s %8s %9s %10s %9s\n' service state pid uptime memory restarts
    for service in "${SERVICES[@]}"; do
        "$show" "$service" || all=1
    done
    printf '\n%d cells, %s\n' "$(cells)" "$READY_URL"
    return "$all"
}

main
