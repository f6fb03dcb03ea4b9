#!/bin/bash
# `make backup FILE=…`, `cloche-backup FILE`: functions, accounts, records and settings of a running stack, in one file.

# shellcheck disable=SC2034 # lib.sh reads it
OF_RUNNING_STACK=1
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=/dev/null
source "$STACK/database.sh"

# As of one moment: a transaction sees no later write. Rows are written as they are read, so that a large
# table needs no memory.
dump() {
    local tool options=(--single-transaction --quick --skip-lock-tables --no-tablespaces --hex-blob --default-character-set=utf8mb4)
    tool=$(command -v mariadb-dump || command -v mysqldump) || die "mariadb-dump is missing (Debian: mariadb-client)"
    [[ $("$tool" --version) == *MariaDB* ]] || options+=(--set-gtid-purged=OFF)
    on_database "$tool" "${options[@]}"
}

main() {
    local file=${1:-}
    need_root
    [[ -n $file ]] || die "name the file to write: $(usage backup)"
    [[ $file == /* ]] || file=$PWD/$file
    [[ ! -e $file ]] || die "$file is there already; name a new file"
    [[ -d $(dirname "$file") ]] || die "there is no directory $(dirname "$file")"
    [[ -e $CLOCHE_HOME/.cloche ]] || die "there is no Cloche in CLOCHE_HOME=$CLOCHE_HOME"
    [[ -n $CLOCHE_DB_URL || -S $MYSQL_SOCKET ]] || die "the database does not run; '$(start_command)' starts it"

    # Next to its place: the same disk, so that it appears whole or not at all.
    umask 077
    WORK=$(mktemp -d "$file.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
    mkdir "$WORK/backup"
    echo "$BACKUP_FORMAT" >"$WORK/backup/format"
    dump >"$WORK/backup/database.sql" || die "the database could not be read; nothing was written"
    cp -p "$CLOCHE_HOME/admin.token" "$WORK/backup/"
    [[ ! -e $CLOCHE_HOME/cloche.conf ]] || cp -p "$CLOCHE_HOME/cloche.conf" "$WORK/backup/"
    tar -C "$WORK/backup" -czf "$WORK/file" . && sync "$WORK/file"
    mv -T "$WORK/file" "$file"
    echo "backup  $file  $(du -h --apparent-size "$file" | cut -f 1)"
}

main "$@"
