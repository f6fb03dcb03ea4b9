#!/bin/bash
# What a container of docker/compose.yaml runs: container.sh ROLE, or `container.sh health ROLE`, which succeeds
# while that one serves. The same steps, templates and settings as `make up`; starting, stopping and
# order are the engine's business here.

source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
for part in processes services database engine images examples; do
    # shellcheck source=/dev/null
    source "$STACK/$part.sh"
done
# The image itself holds what `make up` copies below CLOCHE_HOME.
APP=$TOP
# Of the capabilities that compose.yaml gives the keeper, those that only OCI runtimes need, to be dropped.
OCI_CAPABILITIES=-mknod,-net_admin,-setgid,-setpcap,-setuid,-sys_admin,-sys_chroot,-sys_ptrace
export CLOCHE_HOME CLOCHE_RUN CLOCHE_CGROUP CLOCHE_SQL_DIR=$APP/sql

# The engine starts a container anew when it ends, and `docker compose logs` shows the sentence.
warn() {
    printf 'cloche: warning: %s\n' "$*" >&2
}

run_database() {
    render "$STACK/conf/my.cnf.in" "$CONF/my.cnf" AUTH_PLUGIN=
    sed -i '/^loose-plugin-load-add/d' "$CONF/my.cnf"
    init_database
    account_sql >"$CONF/account.sql"
    exec mariadbd --defaults-file="$CONF/my.cnf" --init-file="$CONF/account.sql"
}

# Once, before workers start: brings the database up to date and makes the account and its token.
run_setup() {
    install -d -o cloche -g cloche -m 0700 "$CLOCHE_HOME/journal"
    "$APP/bin/cloche" migrate
    "$APP/bin/cloche" admin
}

# By one of two engines; where none is given, by what the Docker engine is like.
run_keeper() {
    CLOCHE_ENGINE=${GIVEN[CLOCHE_ENGINE]:-}
    [[ -n $CLOCHE_ENGINE ]] || choose_engine
    export CLOCHE_ENGINE
    "run_keeper_$CLOCHE_ENGINE"
}

# What only the other engine needs is given up, and what it left removed.
run_keeper_docker() {
    check_engine
    rm -rf "$CLOCHE_RUN/oci"
    exec setpriv --bounding-set "$OCI_CAPABILITIES" "$APP/bin/cloche-keeper"
}

run_keeper_oci() {
    local enter=()
    remove_containers
    copy_images
    # On v2 containers have a namespace of control groups, out of which no process can be put into another group.
    [[ ! -e /sys/fs/cgroup/cgroup.controllers || /proc/self/ns/cgroup -ef /proc/1/ns/cgroup ]] ||
        enter=(nsenter --cgroup=/proc/1/ns/cgroup)
    exec "${enter[@]}" setpriv --bounding-set -sys_ptrace "$APP/bin/cloche-keeper"
}

# Those of cells, when it was the other engine before, and of copying images, when that was interrupted.
remove_containers() {
    local id
    for id in $(engine GET /containers/json -G --data all=true \
        --data-urlencode "filters={\"label\":[\"cloche.instance=$CLOCHE_RUN\"]}" | jq -r '.[].Id'); do
        engine DELETE "/containers/$id?force=true" >/dev/null || true
    done
}

# As in services/pool: the socket is made anew at each start.
run_pool() {
    rm -f "$CLOCHE_RUN/$1.sock"
    exec spawn-fcgi -n -s "$CLOCHE_RUN/$1.sock" -u cloche -g cloche -U cloche -G www-data -M 0660 -- \
        /usr/bin/multiwatch -f 2 -r 1000000 -t 50 -- \
        "$APP/bin/cloche-worker" --pool "$1" --examples "$APP/html/examples" --openapi "$APP/html/openapi.json"
}

run_nginx() {
    install -d -m 0711 "$CLOCHE_RUN/nginx" "$CLOCHE_HOME/nginx"
    write_nginx_conf
    exec nginx -p "$CLOCHE_RUN/nginx/" -e stderr -c "$CONF/nginx.conf" -g 'daemon off;'
}

# Once, when everything serves. Shares nginx's network, and so its address.
run_examples() {
    local health
    wait_for_health
    deploy_examples
    wait_until 60 runtimes_are_known || warn 'the engine does not answer; docker compose logs keeper says why'
    health=$(api GET /api/health)
    jq -r '.problems[] | "cloche: warning: " + .' <<<"$health"
    printf 'ready  %s\n' "${CLOCHE_PUBLIC_URL:-http://$CLOCHE_PUBLISHED}"
}

# Whether a process listens: only one of this container's could.
listens() {
    grep -q " $1\$" /proc/net/unix
}

# Any answer will do: that the database is away is not the pool's fault.
pool_answers() {
    REQUEST_METHOD=GET REQUEST_URI=/api/health SCRIPT_NAME=/api/health QUERY_STRING='' SERVER_PROTOCOL=HTTP/1.1 \
        REMOTE_ADDR=127.0.0.1 HTTP_HOST=localhost \
        cgi-fcgi -bind -connect "$CLOCHE_RUN/$1.sock" 2>/dev/null | grep -q '"status"'
}

health() {
    case $1 in
    database) sql -e 'SELECT 1' >/dev/null ;;
    keeper) listens "$CLOCHE_RUN/keeper.sock" ;;
    api | fn) pool_answers "$1" ;;
    nginx) curl --silent --insecure --fail --max-time 5 --output /dev/null "$LOCAL_URL/api/health" ;;
    esac
}

main() {
    if [[ $1 == health ]]; then
        health "$2"
        return
    fi
    install -d -m 0711 "$CLOCHE_HOME" "$CLOCHE_RUN"
    install -d -m 0755 "$CONF"
    case $1 in
    api | fn) run_pool "$1" ;;
    database | setup | keeper | nginx | examples) "run_$1" ;;
    *) die "there is no role $1" ;;
    esac
}

main "$@"
