#!/bin/bash
# `make restore FILE=…`, `cloche-restore [--replace] FILE`: a new installation from a backup. Puts its parts in place;
# the start that follows loads the database and brings it up to date.

source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=/dev/null
source "$STACK/database.sh"

# What an installation is made of, set aside with the services ended. Nothing is deleted.
set_aside() {
    local aside part
    aside=$CLOCHE_HOME/replaced-$(date -u +%Y%m%dT%H%M%SZ)
    stop_services
    install -d -m 0700 "$aside"
    for part in mysql admin.token journal examples-deployed; do
        [[ ! -e $CLOCHE_HOME/$part ]] || mv -T "$CLOCHE_HOME/$part" "$aside/$part"
    done
    echo "what was there is in $aside"
}

stop_services() {
    if installed; then
        systemctl stop cloche.target 'cloche-*.socket' 'cloche-*.service'
    else
        "$STACK/down.sh"
    fi
}

main() {
    local replace='' file format
    [[ ${1:-} != --replace ]] || { replace=1; shift; }
    file=${1:-}
    need_root
    [[ -n $file ]] || die "name the file to read: $(usage restore)"
    [[ -r $file ]] || die "$file cannot be read"
    format=$(tar -xzOf "$file" ./format 2>/dev/null) || die "$file is not a backup of Cloche"
    [[ $format == "$BACKUP_FORMAT" ]] || die "$file is a backup of another kind ($format); this is for $BACKUP_FORMAT"
    [[ -z $replace || -n $CLOCHE_DB_URL ]] || set_aside
    [[ ! -e $CLOCHE_HOME/mysql && ! -e $CLOCHE_HOME/admin.token ]] ||
        die "CLOCHE_HOME=$CLOCHE_HOME holds an installation; a backup is restored into a new one, or with --replace"
    [[ ! -e $CLOCHE_HOME || -e $CLOCHE_HOME/.cloche || -z $(find "$CLOCHE_HOME" -mindepth 1 -maxdepth 1 ! -name cloche.conf -print -quit) ]] ||
        die "CLOCHE_HOME=$CLOCHE_HOME holds files that are not Cloche's; name an empty or new directory"

    install -d -m 0711 "$CLOCHE_HOME"
    touch "$CLOCHE_HOME/.cloche"
    lock_stack
    put_parts "$file"
    exec {LOCK_FD}>&-
    ! installed || exec systemctl start cloche.target
    exec "$STACK/up.sh"
}

# A cloche.conf that is there is what this machine needs. The dump comes last: with it, the start begins.
put_parts() {
    local conf=$CLOCHE_HOME/cloche.conf had
    had=$([[ ! -e $conf ]] || echo 1)
    (umask 077 && tar -C "$CLOCHE_HOME" --no-same-owner --skip-old-files -xzf "$1" --exclude=./database.sql --exclude=./format)
    [[ -n $had || ! -e $conf ]] || chmod 0644 "$conf"
    (umask 077 && tar -xzOf "$1" ./database.sql >"$RESTORE.new")
    mv -T "$RESTORE.new" "$RESTORE"
}

main "$@"
