# The database: a private one is made once, with one account for the workers. Sourced by up.sh, backup.sh
# and restore.sh.
# shellcheck shell=bash

# shellcheck disable=SC2034 # what a backup begins with; other formats would have other numbers
BACKUP_FORMAT='cloche backup 1'
RESTORE=$CLOCHE_HOME/restore.sql # what a new database is to be filled with

# Unix accounts stand for database accounts, so there is no password anywhere. A directory appears
# under its final name only when it is complete.
init_database() {
    local data=$CLOCHE_HOME/mysql
    install -d -o mysql -g mysql -m 0700 "$CLOCHE_HOME/mysql-tmp"
    install -d -o mysql -g mysql -m 0755 "$CLOCHE_RUN/mysql"
    [[ ! -d $data/mysql ]] || return 0

    rm -rf "$data.new"
    install -d -o mysql -g mysql -m 0700 "$data.new"
    if command -v mariadb-install-db >/dev/null; then
        mariadb-install-db --defaults-file="$CONF/my.cnf" --datadir="$data.new" --user=mysql \
            --auth-root-authentication-method=socket --auth-root-socket-user=root \
            --skip-test-db --skip-name-resolve
    else
        mysqld --defaults-file="$CONF/my.cnf" --datadir="$data.new" --user=mysql --initialize-insecure
    fi
    rm -rf "$data"
    mv -T "$data.new" "$data"
}

sql() {
    "$(command -v mariadb || command -v mysql)" --no-defaults --socket="$MYSQL_SOCKET" --user=root "$@"
}

create_account() {
    if ! command -v mariadbd >/dev/null; then
        sql -e 'ALTER USER root@localhost IDENTIFIED WITH auth_socket'
    fi
    sql -e "$(account_sql)"
}

account_sql() {
    local with='VIA unix_socket'
    command -v mariadbd >/dev/null || with='WITH auth_socket'
    printf '%s;\n' \
        'CREATE DATABASE IF NOT EXISTS cloche CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' \
        "CREATE USER IF NOT EXISTS cloche@localhost IDENTIFIED $with" \
        'GRANT ALL PRIVILEGES ON cloche.* TO cloche@localhost'
}

# on_database PROGRAM [OPTIONS]: a client program, told which database. A password goes through a pipe, so
# that no process list shows it.
on_database() {
    local program=$1 part user password host port name
    shift
    if [[ -z $CLOCHE_DB_URL ]]; then
        "$program" --no-defaults --socket="$MYSQL_SOCKET" --user=root "$@" cloche
        return
    fi
    [[ $CLOCHE_DB_URL =~ ^mysql://([^:@/]*)(:([^@/]*))?@(\[[^]]*\]|[^:/]*)(:([0-9]+))?/([^/?]+)$ ]] ||
        die "CLOCHE_DB_URL must be mysql://user:pass@host:port/db"
    user=${BASH_REMATCH[1]} password=${BASH_REMATCH[3]} host=${BASH_REMATCH[4]} port=${BASH_REMATCH[6]} name=${BASH_REMATCH[7]}
    for part in user password name; do
        printf -v "$part" '%b' "${!part//%/\\x}"
    done
    host=${host#[} host=${host%]}
    "$program" --defaults-file=<(printf '[client]\nuser="%s"\npassword="%s"\nhost=%s\nport=%s\nprotocol=tcp\n' \
        "$(option_value "$user")" "$(option_value "$password")" "$host" "${port:-3306}") "$@" "$name"
}

option_value() {
    local value=${1//\\/\\\\}
    printf '%s' "${value//\"/\\\"}"
}

# Begun anew when it was interrupted; the file goes when all of it is in. Somebody else's database is never
# emptied.
load_backup() {
    local client
    client=$(command -v mariadb || command -v mysql) || die "the program mariadb is missing (Debian: mariadb-client)"
    if [[ -z $CLOCHE_DB_URL ]]; then
        sql -e 'DROP DATABASE cloche'
        create_account
    fi
    [[ -z $(on_database "$client" -N -e 'SHOW TABLES') ]] ||
        die "the database of CLOCHE_DB_URL holds tables; a backup is restored into an empty one"
    on_database "$client" --default-character-set=utf8mb4 <"$RESTORE"
    rm -f "$RESTORE"
}

# The command line tool in the environment of the services; its last line says what went wrong.
run_cloche() {
    local output
    output=$(
        # shellcheck source=/dev/null
        [[ ! -e $CLOCHE_RUN/env.sh ]] || source "$CLOCHE_RUN/env.sh"
        "$APP/bin/cloche" "$@" 2>&1
    ) || {
        echo "$output"
        output=${output##*$'\n'}
        die "${output#cloche: }"
    }
    echo "$output"
}
