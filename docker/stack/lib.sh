# Settings, paths and small helpers of the stack's scripts. Sourced, never run.
# shellcheck shell=bash disable=SC2034  # the variables set here are used by the scripts that source it

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A checkout, or /usr/lib/cloche: an installation has its programs there, and links to all that is in share.
TOP=$(readlink -f "${BASH_SOURCE[0]%/*}/../..")
[[ -e $TOP/Makefile || ! -d $TOP/../../lib/cloche ]] || TOP=$(readlink -f "$TOP/../../lib/cloche")
STACK=$TOP/docker/stack

# Ends the script with one sentence. Inside a step (see steps.sh) the sentence is what the user sees.
die() {
    if [[ -n ${STEP_VERDICT:-} ]]; then
        printf '%s\n' "$*" >"$STEP_VERDICT"
    else
        printf 'cloche: %s\n' "$*" >&2
    fi
    exit 1
}

need_root() {
    [[ $EUID -eq 0 ]] || die "this needs root; run it with sudo"
}

# What the caller's environment (make's command line included) says, before defaults come in; the
# services get exactly this, and read the rest from cloche.conf themselves.
declare -A GIVEN=()
while IFS='=' read -r -d '' name value; do
    [[ $name == CLOCHE_* && $name != CLOCHE_BIN_DIR && -n $value ]] && GIVEN[$name]=$value
done < <(env -0)

# Sets CLOCHE_<NAME> from the environment, else cloche.conf, else the default.
setting() {
    local name=$1 fallback=$2 var=CLOCHE_${1^^} value
    value=${!var:-}
    if [[ -z $value && $name != home && -r $CLOCHE_HOME/cloche.conf ]]; then
        value=$(sed -nE "s/#.*//; s/^[[:space:]]*${name}[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*$/\1/p" \
            "$CLOCHE_HOME/cloche.conf" | tail -n 1)
    fi
    printf -v "$var" '%s' "${value:-$fallback}"
}

# A directory setting: absolute, of characters that need no quoting in any configuration file.
directory() {
    local var=$1 path=${!1%/}
    [[ $path =~ ^/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$ && ! $path =~ (^|/)\.\.?(/|$) ]] ||
        die "$var must be an absolute path of letters, digits, '.', '_' and '-', not '${!1}'"
    case $path in
    /bin | /boot | /dev | /etc | /home | /lib* | /opt | /proc | /root | /run | /sbin | /srv | /sys | /tmp | /usr | /var | /var/lib | /var/run | /var/tmp)
        die "$var must be a directory of Cloche's own, not '$path'"
        ;;
    esac
    printf -v "$var" '%s' "$path"
}

setting home /var/lib/cloche
directory CLOCHE_HOME
setting run /run/cloche
directory CLOCHE_RUN
# Scripts about a stack that runs (OF_RUNNING_STACK) go by the settings it was started with.
if [[ -n ${OF_RUNNING_STACK:-} && -r $CLOCHE_RUN/env.sh ]]; then
    # shellcheck source=/dev/null
    source "$CLOCHE_RUN/env.sh"
fi
setting listen 127.0.0.1:8080
setting db_url ''
setting docker_host ''
setting engine docker
setting function_host ''
setting public_url ''
setting tls_certificate ''
setting tls_certificate_key ''
setting tls_listen ''
setting tls_function_certificate ''
setting tls_function_certificate_key ''
setting hsts_s 31536000
setting access_log on
setting trusted_proxies ''
setting threads_api 8
setting threads_fn 64
setting login_rate 60

# The longest socket path below CLOCHE_RUN is that of a cell (cells/<id>/s).
RUN_LENGTH_MAX=60
((${#CLOCHE_RUN} <= RUN_LENGTH_MAX)) ||
    die "CLOCHE_RUN must be at most $RUN_LENGTH_MAX characters long: unix socket paths end at 107"

if [[ $CLOCHE_RUN == /run/cloche ]]; then
    CLOCHE_CGROUP=cloche
else
    CLOCHE_CGROUP=cloche-$(printf '%s' "$CLOCHE_RUN" | sha256sum | head -c 8)
fi

# split VARIABLE PREFIX: an address setting in parts, <PREFIX>_ADDRESS and <PREFIX>_PORT.
split() {
    local value=${!1} port address
    port=${value##*:}
    address=${value%"$port"}
    address=${address%:}
    address=${address:-0.0.0.0}
    [[ $port =~ ^[0-9]{1,5}$ ]] && ((port > 0 && port < 65536)) &&
        [[ $address =~ ^([0-9.]+|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)$ ]] ||
        die "$1 must be address:port, as in 127.0.0.1:8080, not '$value'"
    printf -v "$2_ADDRESS" '%s' "$address"
    printf -v "$2_PORT" '%s' "$port"
}

# How this machine itself reaches the address and port.
local_address() {
    case $1 in
    0.0.0.0) echo "127.0.0.1:$2" ;;
    '[::]') echo "[::1]:$2" ;;
    *) echo "$1:$2" ;;
    esac
}

split CLOCHE_LISTEN LISTEN
if [[ -z $CLOCHE_TLS_CERTIFICATE ]]; then
    READY_URL=http://$CLOCHE_LISTEN
    LOCAL_URL=http://$(local_address "$LISTEN_ADDRESS" "$LISTEN_PORT")
else
    : "${CLOCHE_TLS_LISTEN:=$LISTEN_ADDRESS:8443}"
    split CLOCHE_TLS_LISTEN TLS
    READY_URL=${CLOCHE_PUBLIC_URL:-https://$CLOCHE_TLS_LISTEN}
    LOCAL_URL=https://$(local_address "$TLS_ADDRESS" "$TLS_PORT")
fi

[[ $CLOCHE_ENGINE == docker || $CLOCHE_ENGINE == oci ]] ||
    die "CLOCHE_ENGINE must be docker or oci, not '$CLOCHE_ENGINE'"

# What runs: of a checkout, copies.
if [[ -e $TOP/Makefile ]]; then
    APP=$CLOCHE_HOME/app
    CLOCHE_BUILD_DIR=$TOP/build
else
    APP=$TOP
    CLOCHE_BUILD_DIR=$CLOCHE_HOME/build
fi

SCAN=$CLOCHE_RUN/service
MYSQL_SOCKET=$CLOCHE_RUN/mysql/mysqld.sock
DOCKER_SOCKET=$CLOCHE_RUN/docker.sock
if [[ -n $CLOCHE_DOCKER_HOST ]]; then
    [[ $CLOCHE_DOCKER_HOST == unix:///* ]] ||
        die "CLOCHE_DOCKER_HOST must be unix:///path/of/docker.sock, not '$CLOCHE_DOCKER_HOST'"
    DOCKER_SOCKET=${CLOCHE_DOCKER_HOST#unix://}
fi

# Services in the order they start; they end in the opposite one.
SERVICES=()
[[ -n $CLOCHE_DB_URL ]] || SERVICES+=(mariadb)
[[ $CLOCHE_ENGINE == oci || -n $CLOCHE_DOCKER_HOST ]] || SERVICES+=(containerd dockerd)
SERVICES+=(keeper api fn nginx)

# Whether systemd's units run the stack, or s6 does.
installed() {
    [[ ! -e $TOP/Makefile ]]
}

# How a script is called, and what starts the stack: for sentences.
usage() {
    ! installed || { echo "cloche-$1 /path/of/cloche.tar.gz"; return; }
    echo "make $1 FILE=/path/of/cloche.tar.gz"
}

start_command() {
    ! installed || { echo 'systemctl start cloche.target'; return; }
    echo 'make up'
}

# Asks the engine: engine METHOD /path [curl arguments]. Prints the answer, fails on an HTTP error.
engine() {
    local method=$1 path=$2
    shift 2
    curl --silent --fail --max-time 30 --unix-socket "$DOCKER_SOCKET" -X "$method" "http://docker$path" "$@"
}

# Whether the supervisor of a service directory takes commands: without one, s6-svc only looks. s6-svok
# says yes a moment too early, when the supervisor holds its lock but does not listen yet.
supervised() {
    s6-svc "$1" 2>/dev/null
}

# Only one script at a time changes a stack.
lock_stack() {
    exec {LOCK_FD}>"$CLOCHE_HOME/.lock"
    flock --nonblock "$LOCK_FD" ||
        die "another 'make up' or 'make down' of $CLOCHE_HOME is at work"
}
