#!/bin/bash
# `make up`: from a fresh machine, or from any state in between, to a stack that serves. Safe to repeat.

source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
for part in steps checks processes services database engine images examples; do
    # shellcheck source=/dev/null
    source "$STACK/$part.sh"
done

CLOCHE_BIN_DIR=${CLOCHE_BIN_DIR:-$TOP/build/bin}

install_packages() {
    local groups=(run build)
    if [[ $CLOCHE_ENGINE == oci ]]; then
        groups+=(oci)
    elif [[ -z $CLOCHE_DOCKER_HOST ]]; then
        groups+=(engine)
    fi
    [[ -n $CLOCHE_DB_URL ]] || groups+=(database)
    "$STACK/packages.sh" "${groups[@]}" || die "packages: $(tail -n 1 "$STEP_LOG_DIR/packages.log")"
}

# One build at a time, for stacks that start side by side from one checkout.
build() {
    mkdir -p "$CLOCHE_BUILD_DIR"
    flock "$CLOCHE_BUILD_DIR/.lock" make -C "$TOP" --no-print-directory -j "$(nproc)" all
    hand_back
    install_app
    write_environment
    write_configuration
}

start_database() {
    init_database
    start_tree
    start_service mariadb
    create_account
}

start_engine() {
    start_tree
    if [[ -z $CLOCHE_DOCKER_HOST ]]; then
        start_service containerd
        start_service dockerd
    fi
    check_engine
}

start_workers() {
    local service
    start_tree
    make_journal
    echo "$CLOCHE_ENGINE" >"$CLOCHE_RUN/state/engine"
    for service in keeper api fn nginx; do
        [[ $service != nginx ]] || nginx -t -q -p "$CLOCHE_RUN/nginx/" -e stderr -c "$CONF/nginx.conf"
        start_service "$service"
    done
    echo "$CLOCHE_LISTEN $CLOCHE_TLS_LISTEN" >"$CLOCHE_RUN/listen"
    wait_for_health
}

interrupted() {
    trap '' INT TERM HUP
    stop_step
    printf '\ncloche: interrupted; run it again to go on, or make down to stop what was started\n' >&2
    exit 130
}

# Without their supervisor, services that still run cannot be told anything: they are ended first.
clear_wreck() {
    [[ -e $CLOCHE_RUN/.cloche ]] && ! tree_is_up || return 0
    [[ -z $(find "$SCAN" -maxdepth 2 -name supervise -print -quit) ]] || "$STACK/down.sh"
}

main() {
    need_root
    clear_wreck
    check_machine
    make_directories
    install -d -m 0755 "$SCAN"
    install -d -m 0750 "$CLOCHE_HOME/log" "$CLOCHE_HOME/log/up"
    lock_stack
    STEP_LOG_DIR=$CLOCHE_HOME/log/up
    trap interrupted INT TERM HUP

    step 'packages' install_packages
    step 'build' build
    [[ -n $CLOCHE_DB_URL ]] || step 'database' start_database
    [[ ! -e $RESTORE ]] || step 'restore' load_backup
    step 'migrations' run_cloche migrate
    step 'admin account' run_cloche admin
    if [[ $CLOCHE_ENGINE == oci ]]; then
        step 'images' provide_images
        step 'workers' start_workers
        step 'runtimes' check_runtimes
    else
        step 'engine' start_engine
        step 'images' provide_images
        step 'gvisor' check_gvisor
        step 'workers' start_workers
    fi
    step 'examples' deploy_examples
    printf 'ready  %s   token file: %s\n' "$READY_URL" "$CLOCHE_HOME/admin.token"
}

main
