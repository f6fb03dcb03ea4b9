#!/bin/bash
# What systemd's units run besides the services themselves: unit.sh configure|setup|images|examples|clean_up|upgrade
#
# The same functions as `make up`, in steps that systemd orders. Settings come from /etc/cloche/cloche.conf, to which
# the file in CLOCHE_HOME is a link.

source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
for part in checks processes services database images examples; do
    # shellcheck source=/dev/null
    source "$STACK/$part.sh"
done

# Everything the services read, from the settings. Those that are not wanted find no configuration, and stay down.
configure() {
    check_directory CLOCHE_HOME cloche.conf
    check_directory CLOCHE_RUN
    check_external
    check_programs
    make_directories
    write_configuration
    [[ -n $CLOCHE_DB_URL ]] || init_database
}

check_programs() {
    local service
    for service in "${SERVICES[@]}"; do
        case $service in
        mariadb) command -v mariadbd mysqld >/dev/null ||
            die "there is no MariaDB here: install mariadb-server-core and mariadb-client, or set db_url" ;;
        dockerd) command -v dockerd >/dev/null ||
            die "there is no Docker here: install docker.io, or crun and set engine = oci, or set docker_host"
            check_apparmor ;;
        esac
    done
    [[ $CLOCHE_ENGINE != oci ]] || command -v crun runc >/dev/null ||
        die "engine = oci needs the package crun or runc"
}

# The database of this version, and what is needed to get in.
setup() {
    [[ -n $CLOCHE_DB_URL ]] || create_account
    [[ ! -e $RESTORE ]] || load_backup
    run_cloche migrate
    run_cloche admin
    make_journal
}

# The cells' images, made when they are missing or other ones are wanted.
images() {
    install -D -m 0755 "$TOP/bin/launcher" "$CLOCHE_BUILD_DIR/image/launcher"
    provide_images
}

examples() {
    wait_for_health
    deploy_examples
    touch "$CLOCHE_HOME/examples-deployed"
}

# After the last service has ended: what engines and cells leave behind, as do units that outlive a restart.
clean_up() {
    local service
    kill_cells || true
    for service in keeper dockerd containerd fn api; do
        systemctl kill --signal=KILL "cloche-$service.service" 2>/dev/null || true
    done
    unmount_all
    wait_until 5 remove_cgroups || true
    remove_run
}

# To a new version while it runs: pools finish their calls, and what arrives meanwhile waits at their sockets; the
# keeper's successor takes over its cells; database and engine go on.
upgrade() {
    systemctl reload cloche-config.service
    systemctl restart cloche-setup.service
    systemctl restart cloche-images.service || true
    systemctl restart cloche-keeper.service
    systemctl start cloche.target
    systemctl reload-or-restart cloche-nginx.service
}

need_root
case ${1:-} in
configure | setup | images | examples | clean_up | upgrade) "$1" ;;
*) die "usage: unit.sh configure|setup|images|examples|clean_up|upgrade" ;;
esac
