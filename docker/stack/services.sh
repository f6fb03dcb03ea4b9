# Configuration files and service directories, and starting what changed. Sourced by up.sh and
# unit.sh.
# shellcheck shell=bash

CONF=$CLOCHE_RUN/conf

make_directories() {
    install -d -m 0711 "$CLOCHE_HOME" "$CLOCHE_RUN" "$CLOCHE_RUN/cells" "$CLOCHE_RUN/containerd"
    touch "$CLOCHE_HOME/.cloche" "$CLOCHE_RUN/.cloche"
    install -d -m 0755 "$CONF" "$CLOCHE_RUN/state"
    install -d -m 0711 "$CLOCHE_RUN/nginx" "$CLOCHE_HOME/nginx"
}

make_journal() {
    install -d -o cloche -g cloche -m 0700 "$CLOCHE_HOME/journal"
}

# render TEMPLATE TARGET NAME=VALUE…: replaces @NAME@; CLOCHE_HOME, RUN and CGROUP are always known.
render() {
    local template=$1 target=$2 pair script=''
    shift 2
    for pair in CLOCHE_HOME="$CLOCHE_HOME" CLOCHE_RUN="$CLOCHE_RUN" CLOCHE_CGROUP="$CLOCHE_CGROUP" "$@"; do
        script+="s|@${pair%%=*}@|${pair#*=}|g;"
    done
    sed "$script" "$template" >"$target.new"
    if grep -qE '@[A-Z_]+@' "$target.new"; then
        die "a placeholder of $template is left without a value"
    fi
    mv -T "$target.new" "$target"
}

# The environment of every service under s6, as a file each run script reads: what the caller gave, and what is
# derived from it.
write_environment() {
    local name
    {
        for name in "${!GIVEN[@]}"; do
            printf 'export %s=%q\n' "$name" "${GIVEN[$name]}"
        done | sort
        for name in CLOCHE_HOME CLOCHE_RUN CLOCHE_LISTEN CLOCHE_CGROUP; do
            printf 'export %s=%q\n' "$name" "${!name}"
        done
        printf 'export CLOCHE_SQL_DIR=%q CLOCHE_APP=%q\n' "$APP/sql" "$APP"
        echo 'READY=(s6-notifyoncheck -d -n 0 -s 50 -w 100 --)'
    } >"$CLOCHE_RUN/env.sh.new"
    chmod 0600 "$CLOCHE_RUN/env.sh.new"
    mv -T "$CLOCHE_RUN/env.sh.new" "$CLOCHE_RUN/env.sh"
}

# What is there of a service says to systemd's units that it is wanted.
write_configuration() {
    rm -f "$CONF"/{my.cnf,containerd.toml,daemon.json}
    if [[ " ${SERVICES[*]} " == *' mariadb '* ]]; then
        local plugin=''
        command -v mariadbd >/dev/null || plugin=auth_socket.so
        render "$STACK/conf/my.cnf.in" "$CONF/my.cnf" AUTH_PLUGIN="$plugin"
        [[ -n $plugin ]] || sed -i '/^loose-plugin-load-add/d' "$CONF/my.cnf"
    fi
    if [[ " ${SERVICES[*]} " == *' dockerd '* ]]; then
        render "$STACK/conf/containerd.toml.in" "$CONF/containerd.toml"
        write_daemon_json
    fi
    write_nginx_conf
}

# Without gVisor its runtime is left out; engines before 23 would put a key into /etc/docker.
write_daemon_json() {
    local edit='.' runsc
    runsc=$(command -v runsc || true)
    [[ -n $runsc ]] || edit+=' | del(.runtimes)'
    [[ $(dockerd --version) =~ ([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 23)) ||
        edit+=" | .\"deprecated-key-path\" = \"$CLOCHE_HOME/docker/key.json\""
    render "$TOP/docker/daemon.json.in" "$CONF/daemon.full" RUNSC="$runsc"
    jq "$edit" "$CONF/daemon.full" >"$CONF/daemon.json"
}

write_nginx_conf() {
    local name serve=$LISTEN_ADDRESS:$LISTEN_PORT redirect='' tls='' function_server='' function_tls=''
    local dashboard_fn="include $CONF/fn.conf;" files=(nginx files fastcgi fn problems) access='/dev/stdout cloche buffer=4k flush=1s' real_ip
    [[ $CLOCHE_LOGIN_RATE =~ ^[1-9][0-9]*$ ]] || die "login_rate must be a number from 1 up, not '$CLOCHE_LOGIN_RATE'"
    # What leads to systemd's journal is a socket, which nginx cannot open as a file.
    [[ -z ${JOURNAL_STREAM:-} ]] || access='syslog:server=unix:/dev/log,nohostname,tag=cloche cloche'
    : >"$CONF/hsts.conf"
    echo 'access_log off;' >"$CONF/access-log.conf"
    [[ $CLOCHE_ACCESS_LOG == off ]] || files+=(access-log)
    if [[ -n $CLOCHE_TLS_CERTIFICATE ]]; then
        check_tls
        install -d -m 0755 "$CLOCHE_HOME/acme"
        serve="$TLS_ADDRESS:$TLS_PORT ssl http2"
        redirect="include $CONF/redirect.conf;"
        tls="include $CONF/tls.conf; $(certificate "$CLOCHE_TLS_CERTIFICATE" "$CLOCHE_TLS_CERTIFICATE_KEY")"
        files+=(tls redirect)
        ((CLOCHE_HSTS_S == 0)) || files+=(hsts)
    fi
    if [[ -n $CLOCHE_FUNCTION_HOST ]]; then
        [[ $CLOCHE_FUNCTION_HOST =~ ^[A-Za-z0-9.-]+$ ]] ||
            die "CLOCHE_FUNCTION_HOST must be a host name, not '$CLOCHE_FUNCTION_HOST'"
        function_server="include $CONF/function-host.conf;"
        function_tls=$tls
        [[ -z $tls || -z $CLOCHE_TLS_FUNCTION_CERTIFICATE ]] ||
            function_tls="include $CONF/tls.conf; $(certificate "$CLOCHE_TLS_FUNCTION_CERTIFICATE" "$CLOCHE_TLS_FUNCTION_CERTIFICATE_KEY")"
        dashboard_fn='error_page 404 @no_route; return 404;'
        files+=(function-host)
    fi
    real_ip=$(real_ip)
    for name in "${files[@]}"; do
        render "$TOP/nginx/$name.conf.in" "$CONF/$name.conf" \
            LISTEN="$LISTEN_ADDRESS:$LISTEN_PORT" MIME_TYPES="$(mime_types)" HTML="$APP/html" \
            SERVE="$serve" REDIRECT_SERVER="$redirect" TLS="$tls" FUNCTION_TLS="$function_tls" \
            TLS_PORT_SUFFIX="$(tls_port_suffix)" HSTS_S="$CLOCHE_HSTS_S" ACCESS_LOG="$access" \
            FUNCTION_SERVER="$function_server" FUNCTION_HOST="$CLOCHE_FUNCTION_HOST" \
            DASHBOARD_FN="$dashboard_fn" REAL_IP="$real_ip" API_KEEP="$(kept "$CLOCHE_THREADS_API")" \
            FN_KEEP="$(kept "$CLOCHE_THREADS_FN")" LOGIN_RATE="$CLOCHE_LOGIN_RATE" \
            LOGIN_RETRY_S="$(((60 + CLOCHE_LOGIN_RATE - 1) / CLOCHE_LOGIN_RATE))"
    done
    # nginx wants at least 1 here; without the line, connections are not kept.
    sed -i -E '/^ *keepalive 0;/d' "$CONF/nginx.conf"
}

check_tls() {
    local name
    [[ $CLOCHE_HSTS_S =~ ^[0-9]+$ ]] || die "hsts_s must be a number, not '$CLOCHE_HSTS_S'"
    for name in CLOCHE_TLS_CERTIFICATE CLOCHE_TLS_CERTIFICATE_KEY CLOCHE_TLS_FUNCTION_CERTIFICATE CLOCHE_TLS_FUNCTION_CERTIFICATE_KEY; do
        [[ -n ${!name} || $name == *FUNCTION* ]] || die "$name is missing: a certificate needs its key"
        [[ -z ${!name} || ${!name} =~ ^/[A-Za-z0-9._/@+-]+$ ]] ||
            die "$name must be an absolute path of letters, digits and . _ / @ + -, not '${!name}'"
        [[ -z ${!name} || -r ${!name} ]] || die "$name=${!name} cannot be read"
    done
    [[ ${CLOCHE_TLS_FUNCTION_CERTIFICATE:+set} == "${CLOCHE_TLS_FUNCTION_CERTIFICATE_KEY:+set}" ]] ||
        die "CLOCHE_TLS_FUNCTION_CERTIFICATE and CLOCHE_TLS_FUNCTION_CERTIFICATE_KEY belong together"
}

certificate() {
    printf 'ssl_certificate %s; ssl_certificate_key %s;' "$1" "$2"
}

# The port that browsers use for https: where the public URL differs from the address, something in front
# passes it on.
tls_port_suffix() {
    local port=${TLS_PORT:-}
    if [[ $CLOCHE_PUBLIC_URL =~ ^https://(\[[^]]*\]|[^:/]*)(:([0-9]+))?(/|$) ]]; then
        port=${BASH_REMATCH[3]:-443}
    fi
    [[ $port == 443 ]] || echo ":$port"
}

# From the end of X-Forwarded-For the first address that is no trusted proxy's is the client's: what is before it
# anybody may have written.
real_ip() {
    local proxies proxy directives=''
    IFS=', ' read -ra proxies <<<"$CLOCHE_TRUSTED_PROXIES"
    for proxy in "${proxies[@]}"; do
        [[ $proxy =~ ^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$ ]] ||
            die "trusted_proxies must be addresses and networks like 10.0.0.0/8, not '$proxy'"
        directives+="set_real_ip_from $proxy; "
    done
    [[ -z $directives ]] || echo "${directives}real_ip_header X-Forwarded-For; real_ip_recursive on;"
}

# Connections each of nginx's two processes may keep to a pool of two worker processes with $1 threads
# each: a kept one holds its thread, so half of the threads stay free for others.
kept() {
    [[ $1 =~ ^[0-9]+$ ]] || die "threads_api and threads_fn must be numbers, not '$1'"
    echo $((2 * $1 / 2 / 2))
}

mime_types() {
    local file
    for file in /etc/nginx/mime.types /usr/local/etc/nginx/mime.types /usr/local/nginx/conf/mime.types; do
        [[ ! -r $file ]] || { echo "$file"; return; }
    done
    die "nginx is installed without its mime.types"
}

# Programs, pages and run scripts are copied below CLOCHE_HOME and run from there: the checkout may lie
# where other users cannot reach it, a rebuild must not disturb a running stack, and /run, where the
# scan directory is, may be mounted noexec.
install_app() {
    mkdir -p "$APP"
    copy_tree "$CLOCHE_BIN_DIR" bin
    copy_tree "$TOP/sql" sql
    copy_tree "$STACK/services" services
    install -D -m 0644 "$TOP/docker/seccomp.json" "$APP/docker/seccomp.json"
    copy_tree "$TOP/build/html" html
}

# Replaces changed files by rename: a program that runs cannot be written to.
copy_tree() {
    local from=$1 to=$APP/$2 file
    mkdir -p "$to"
    (cd "$from" && find . -type f) | sed 's|^\./||' | sort >"$to.list"
    while read -r file; do
        cmp -s "$from/$file" "$to/$file" && [[ -x $from/$file || ! -x $to/$file ]] && continue
        mkdir -p "$to/$(dirname "$file")"
        install -m "$([[ -x $from/$file ]] && echo 0755 || echo 0644)" "$from/$file" "$to/$file.new"
        mv -T "$to/$file.new" "$to/$file"
    done <"$to.list"
    (cd "$to" && find . -type f | sed 's|^\./||' | sort | comm -13 "$to.list" - | xargs -r -d '\n' rm -f)
}

# What a service is made of; another sum means that it has to be started anew.
fingerprint() {
    local service=$1 files=("$APP/services/$1" "$APP/services/log")
    case $service in
    mariadb) files+=("$CONF/my.cnf") ;;
    containerd) files+=("$CONF/containerd.toml") ;;
    dockerd) files+=("$CONF/daemon.json") ;;
    keeper) files+=("$APP/bin/cloche-keeper" "$APP/docker/seccomp.json" "$CLOCHE_RUN/state/images" "$CLOCHE_RUN/env.sh" "$CLOCHE_HOME/cloche.conf") ;;
    api | fn) files+=("$APP/bin/cloche-worker" "$APP/services/"{pool,workers} "$APP/html/examples" "$APP/html/openapi.json" "$CLOCHE_RUN/env.sh" "$CLOCHE_HOME/cloche.conf") ;;
    nginx) files+=("$CONF"/*.conf "${CLOCHE_TLS_CERTIFICATE:-$CONF/nginx.conf}" "${CLOCHE_TLS_FUNCTION_CERTIFICATE:-$CONF/nginx.conf}") ;;
    esac
    # cloche.conf may be missing.
    { find "${files[@]}" -type f -exec sha256sum {} + 2>/dev/null || true; } | sort -k 2 | sha256sum | cut -c -64
}

# Makes the directory s6 supervises: scripts as links, the few settings beside them as copies.
place_service() {
    local service=$1 from=$APP/services/$1 to=$SCAN/$1 file
    mkdir -p "$to/log" "$to/data" "$CLOCHE_HOME/log/$service"
    for file in run finish data/check; do
        [[ ! -e $from/$file ]] || ln -sfT "$from/$file" "$to/$file"
    done
    [[ ! -e $from/notification-fd ]] || cp "$from/notification-fd" "$to/notification-fd"
    ln -sfT "$APP/services/log" "$to/log/run"
}

tree_is_up() {
    s6-svscanctl -a "$SCAN" 2>/dev/null
}

# s6-svscan leaves this script's session, files and environment behind. CLOCHE_STACK is how `make down`
# recognizes the processes of this stack.
start_tree() {
    ln -sfT "$APP/services/pool" "$CLOCHE_RUN/pool"
    mkdir -p "$SCAN/.s6-svscan"
    tree_is_up && return
    (
        local fd
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            ((fd < 3)) || eval "exec $fd>&-"
        done
        exec setsid env -i PATH="$PATH" LANG=C.UTF-8 HOME=/ CLOCHE_STACK="$CLOCHE_RUN" \
            s6-svscan -c 64 -t 0 "$SCAN" </dev/null >>"$CLOCHE_HOME/log/s6.log" 2>&1
    ) &
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        ! tree_is_up || return 0
        sleep 0.05
    done
    die "the supervisor s6-svscan does not start; see $CLOCHE_HOME/log/s6.log"
}

# Starts a service, or starts it anew when what it is made of has changed, and waits until it is up
# (and, for those that tell, ready).
start_service() {
    local service=$1 sum dir=$SCAN/$1 stamp=$CLOCHE_RUN/state/$1
    sum=$(fingerprint "$service")
    place_service "$service"
    s6-svscanctl -a "$SCAN"
    wait_supervised "$dir"
    [[ ! -e $stamp || $(<"$stamp") == "$sum" ]] || restart_service "$service"
    s6-svc -u "$dir"
    wait_ready "$service"
    echo "$sum" >"$stamp"
}

wait_supervised() {
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        ! supervised "$1" || return 0
        sleep 0.02
    done
    die "the supervisor does not take up ${1##*/}; see $CLOCHE_HOME/log/s6.log"
}

# A service that dies again and again is given up sooner than one that is slow.
wait_ready() {
    local service=$1 dir=$SCAN/$1 event=-u seconds before log=$CLOCHE_HOME/log/$1/current
    [[ ! -e $dir/notification-fd ]] || event=-U
    before=$(s6-svdt "$dir" | wc -l)
    for ((seconds = 0; seconds < 60; seconds++)); do
        ! s6-svwait "$event" -t 1000 "$dir" 2>/dev/null || return 0
        (($(s6-svdt "$dir" | wc -l) < before + 4)) || break
    done
    die "$service does not start: $(tail -n 1 "$log" | cut -d ' ' -f 3-) (all of it in $log)"
}

# nginx takes a new configuration without dropping a connection. The keeper is killed, not asked: asked, it
# ends all cells; after a kill its successor takes over those in use. The others get 10 s to end what they
# do; workers still busy after that go on by themselves while new ones take over.
restart_service() {
    local dir=$SCAN/$1
    case $1 in
    nginx) s6-svc -h "$dir" ;;
    keeper) s6-svc -wR -T 30000 -k "$dir" || true ;;
    *) s6-svc -wD -T 10000 -d "$dir" || s6-svc -wD -T 5000 -k "$dir" || true ;;
    esac
}
