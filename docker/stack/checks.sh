# What must hold before anything is installed or started. Sourced by up.sh.
# shellcheck shell=bash

MEMORY_MB=900  # of "1 GB" a kernel keeps some for itself
DISK_MB=3072   # packages, two images and a database
DISK_AGAIN_MB=512

check_machine() {
    [[ $(uname -s) == Linux ]] || die "Cloche runs on Linux only"
    command -v apt-get >/dev/null || command -v dockerd >/dev/null ||
        die "this machine has no apt-get; Cloche is made for Debian 12 and its relatives"

    local have
    have=$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)
    ((have >= MEMORY_MB)) || die "Cloche needs 1 GB of memory; this machine has $have MB"

    local need=$DISK_MB
    [[ ! -d $CLOCHE_HOME/docker/image && ! -d $CLOCHE_HOME/images && ! -d $CLOCHE_HOME/mysql ]] || need=$DISK_AGAIN_MB
    have=$(df --output=avail -m "$(nearest "$CLOCHE_HOME")" | tail -n 1)
    ((have >= need)) || die "CLOCHE_HOME=$CLOCHE_HOME needs $need MB of free disk; there are $((have)) MB"

    check_directory CLOCHE_HOME cloche.conf
    check_directory CLOCHE_RUN
    check_ports
    check_external
}

nearest() {
    local path=$1
    until [[ -d $path ]]; do path=$(dirname "$path"); done
    echo "$path"
}

# A directory of ours has our mark in it; any other must be empty, but for the file named. The users
# cloche, mysql and www-data have to get through to it.
check_directory() {
    local var=$1 path=${!1} parent
    if [[ -e $path && ! -e $path/.cloche ]]; then
        [[ -d $path && -z $(find "$path" -mindepth 1 -maxdepth 1 ! -name "${2:-.cloche}" -print -quit) ]] ||
            die "$var=$path holds files that are not Cloche's; name an empty or new directory"
    fi
    parent=$(nearest "$(dirname "$path")")
    while [[ $parent != / ]]; do
        [[ $(stat -L -c %A "$parent") == *[xt] ]] ||
            die "$var=$path cannot be reached by other users, because $parent is closed to them (chmod o+x $parent)"
        parent=$(dirname "$parent")
    done
}

# The ports are free, or this stack's own nginx has them.
check_ports() {
    [[ -e $CLOCHE_RUN/listen && $(<"$CLOCHE_RUN/listen") == "$CLOCHE_LISTEN $CLOCHE_TLS_LISTEN" ]] &&
        [[ $(s6-svstat -o up "$SCAN/nginx" 2>/dev/null) == true ]] && return
    check_port CLOCHE_LISTEN "$LISTEN_ADDRESS" "$LISTEN_PORT"
    [[ -z $CLOCHE_TLS_CERTIFICATE ]] || check_port CLOCHE_TLS_LISTEN "$TLS_ADDRESS" "$TLS_PORT"
}

check_port() {
    local taken
    taken=$(listening "$3")
    [[ -n $taken ]] || return 0
    case $2 in
    127.* | localhost) grep -qE '^(127\.|0\.0\.0\.0|::$)' <<<"$taken" || return 0 ;;
    esac
    die "port $3 is in use by another program; choose another with $1=127.0.0.1:<port>"
}

# Local addresses with a listener on TCP port $1, one a line, from the kernel's own tables.
listening() {
    local hex
    printf -v hex '%04X' "$1"
    awk -v port="$hex" '
        function byte(s, i) { return (index("0123456789ABCDEF", substr(s, i, 1)) - 1) * 16 + index("0123456789ABCDEF", substr(s, i + 1, 1)) - 1 }
        $4 == "0A" && split($2, a, ":") == 2 && a[2] == port {
            if (length(a[1]) == 8) print byte(a[1], 7) "." byte(a[1], 5) "." byte(a[1], 3) "." byte(a[1], 1)
            else print (a[1] ~ /^0+$/ ? "::" : a[1])
        }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Docker runs no container without its AppArmor profile where the kernel has AppArmor.
check_apparmor() {
    [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]] || command -v apparmor_parser >/dev/null ||
        die "this kernel has AppArmor, so that Docker needs the package apparmor: install it, or crun and set engine = oci"
}

check_external() {
    local running=$CLOCHE_RUN/state/engine
    [[ ! -e $running || $(<"$running") == "$CLOCHE_ENGINE" ]] ||
        die "the stack that runs has the engine $(<"$running"); 'make down' ends it, then CLOCHE_ENGINE=$CLOCHE_ENGINE can start"
    [[ $CLOCHE_ENGINE == docker || -z $CLOCHE_DOCKER_HOST ]] ||
        die "CLOCHE_DOCKER_HOST is for CLOCHE_ENGINE=docker"
    [[ -z $CLOCHE_DOCKER_HOST || -S $DOCKER_SOCKET ]] ||
        die "there is no Docker engine at CLOCHE_DOCKER_HOST=$CLOCHE_DOCKER_HOST"
    [[ -z $CLOCHE_DB_URL || $CLOCHE_DB_URL == mysql://* ]] ||
        die "CLOCHE_DB_URL must begin with mysql://"
}
