#!/bin/bash
# Installs what is missing, and only that: packages.sh GROUP…
#
# Groups: build run engine oci database lint test package machine browser compose bench peers fuzz. With `run` and `database` come the system
# users cloche and mysql.
#
# Whether something is missing is decided by the command, header or library itself, not by the name of
# a Debian package, so docker-ce's dockerd or MySQL's mysqld will do. No service of the machine is
# started, enabled or changed: a policy-rc.d says no while apt runs and the one that was there comes
# back afterwards, and boot links that apt made are taken away again.

set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# group | what must be there: cmd:a,b (one of them), profile:a (the same, where the kernel has AppArmor),
# lib:a,b (pkg-config), header:path, python:module | package
NEEDS='
build | cmd:gcc               | gcc
build | header:stdio.h        | libc6-dev
build | cmd:musl-gcc          | musl-tools
build | cmd:make              | make
build | cmd:pkg-config        | pkg-config
build | lib:libcurl           | libcurl4-openssl-dev
build | lib:libmariadb,mysqlclient | libmariadb-dev
build | lib:libcjson          | libcjson-dev
build | lib:libsodium         | libsodium-dev
build | header:fcgiapp.h      | libfcgi-dev
build | header:uthash.h       | uthash-dev
build | cmd:node              | nodejs
build | cmd:npm               | npm
run   | cmd:nginx             | nginx
run   | cmd:spawn-fcgi        | spawn-fcgi
run   | cmd:multiwatch        | multiwatch
run   | cmd:s6-svscan         | s6
run   | cmd:mmdebstrap        | mmdebstrap
run   | cmd:jq                | jq
run   | cmd:curl              | curl
run   | cmd:runsc             | runsc
engine | cmd:dockerd          | docker.io
engine | cmd:containerd       | containerd
engine | cmd:runc             | runc
engine | profile:apparmor_parser | apparmor
oci   | cmd:runc              | runc
oci   | cmd:crun              | crun
oci   | cmd:runsc             | runsc
database | cmd:mariadbd,mysqld | mariadb-server-core
database | cmd:mariadb,mysql  | mariadb-client-core
database | cmd:mariadb-dump,mysqldump | mariadb-client
lint  | cmd:clang-format      | clang-format
lint  | cmd:cppcheck          | cppcheck
lint  | cmd:shellcheck        | shellcheck
lint  | cmd:python3           | python3
lint  | cmd:node              | nodejs
test  | lib:cmocka            | libcmocka-dev
test  | cmd:node              | nodejs
test  | cmd:npm               | npm
test  | cmd:promtool          | prometheus
browser | cmd:chromium,google-chrome | chromium
compose | cmd:docker-compose  | docker-compose
package | cmd:dpkg-shlibdeps  | dpkg-dev
package | cmd:lintian         | lintian
package | cmd:systemd-analyze | systemd
machine | cmd:systemd-nspawn  | systemd-container
machine | cmd:qemu-system-x86_64 | qemu-system-x86
machine | cmd:mke2fs          | e2fsprogs
machine | cmd:ssh             | openssh-client
bench | cmd:wrk               | wrk
peers | python:fastapi        | python3-fastapi
peers | python:uvicorn        | uvicorn
peers | python:docker         | python3-docker
fuzz  | cmd:clang             | clang
fuzz  | cmd:clang             | libclang-rt-14-dev
'

# Packages the stack can do without; where the archive has none of that name, it goes on.
OPTIONAL=' runsc crun '
TRIED=/run/cloche-packages.tried

kernel_has_apparmor() {
    [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]
}

has() {
    local kind=${1%%:*} name
    for name in $(tr ',' ' ' <<<"${1#*:}"); do
        case $kind in
        cmd) command -v "$name" >/dev/null ;;
        profile) ! kernel_has_apparmor || command -v "$name" >/dev/null ;;
        lib) pkg-config --exists "$name" 2>/dev/null ;;
        python) /usr/bin/python3 -I -c "import $name" 2>/dev/null ;;
        header) echo "#include <$name>" | gcc -E -o /dev/null - 2>/dev/null ;;
        esac && return 0
    done
    return 1
}

missing_packages() {
    local group what package
    while IFS='| ' read -r group what package; do
        [[ -n $group && " $* " == *" $group "* ]] || continue
        has "$what" || printf '%s\n' "$package"
    done <<<"$NEEDS" | sort -u
}

POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=$POLICY.before-cloche
POLICY_MARK='# Cloche: no service starts while its packages are installed.'

boot_links() {
    find /etc/systemd/system /etc/rc[0-6S].d -type l 2>/dev/null | sort || true
}

# The lock is held by this script and by the apt it started, should that outlive it.
lock_packages() {
    exec 9>/run/lock/cloche-packages.lock
    flock 9
}

# What a killed run left behind.
mend_policy() {
    ! policy_is_ours || [[ $EUID -ne 0 ]] || (
        lock_packages
        restore_policy
    )
}

deny_services() {
    [[ ! -e $POLICY && ! -L $POLICY ]] || mv -T "$POLICY" "$POLICY_SAVED"
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
    chmod 0755 "$POLICY"
}

policy_is_ours() {
    [[ -f $POLICY ]] && grep -qxF "$POLICY_MARK" "$POLICY"
}

restore_policy() {
    ! policy_is_ours || rm -f "$POLICY"
    [[ ! -e $POLICY_SAVED && ! -L $POLICY_SAVED ]] || mv -T "$POLICY_SAVED" "$POLICY"
}

# Takes away the boot links that were not there before: systemd's, and the S links of sysvinit, whose
# K form is kept so that a later upgrade does not put them back.
drop_new_boot_links() {
    local link name
    while read -r link; do
        case $link in
        /etc/systemd/system/*.wants/* | /etc/systemd/system/*.requires/* | /etc/systemd/system/*.service)
            rm -f "$link"
            ;;
        /etc/rc[2-5S].d/S*)
            name=${link##*/S}
            update-rc.d "${name#[0-9][0-9]}" disable >/dev/null 2>&1 || true
            ;;
        esac
    done < <(comm -13 <(printf '%s\n' "$1") <(boot_links))
}

# An interrupt waits until apt has come to its end: half an installation with the policy gone would
# start services. apt gets a session of its own, so that the terminal's ^C does not reach it.
apt() {
    local status pid
    [[ -z $INTERRUPTED ]] || exit 130
    setsid --wait apt-get --quiet --yes -o DPkg::Lock::Timeout=300 "$@" </dev/null &
    pid=$!
    while :; do
        status=0
        wait "$pid" || status=$?
        kill -0 "$pid" 2>/dev/null || break
    done
    [[ -z $INTERRUPTED ]] || exit 130
    return "$status"
}

install_packages() {
    local links package wanted=()
    lock_packages
    links=$(boot_links)
    INTERRUPTED=
    trap 'INTERRUPTED=1' INT TERM HUP
    # shellcheck disable=SC2064 # the list as it is now
    trap "restore_policy; drop_new_boot_links $(printf '%q' "$links")" EXIT
    deny_services
    apt update || echo "apt-get update failed; trying with the lists that are there" >&2
    for package in "$@"; do
        if optional "$package" && ! apt-cache show "$package" >/dev/null 2>&1; then
            echo "there is no package $package here; going on without" >&2
            continue
        fi
        wanted+=("$package")
    done
    touch "$TRIED"
    ((${#wanted[@]} == 0)) || apt install --no-install-recommends --no-remove "${wanted[@]}"
}

optional() {
    [[ $OPTIONAL == *" $1 "* ]]
}

give_up() {
    echo "$*" >&2
    exit 2
}

create_user() {
    id -u "$1" >/dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$1" ||
        give_up "the system user $1 is missing and cannot be made"
}

main() {
    mend_policy
    install_missing "$@"
    [[ " $* " != *' run '* ]] || create_user cloche
    [[ " $* " != *' database '* ]] || create_user mysql
}

install_missing() {
    local packages package required=
    mapfile -t packages < <(missing_packages "$@")
    for package in "${packages[@]}"; do
        optional "$package" || required=1
    done
    # Where only an optional one is missing, it was tried before: that is not worth an apt-get update.
    [[ -n $required || (${#packages[@]} -gt 0 && ! -e $TRIED) ]] || return 0
    [[ $EUID -eq 0 ]] ||
        give_up "these packages are missing, and installing them needs root: ${packages[*]}"
    command -v apt-get >/dev/null ||
        give_up "these packages are missing, and there is no apt to install them: ${packages[*]}"
    echo "installing: ${packages[*]}"
    install_packages "${packages[@]}" || give_up "apt could not install: ${packages[*]}"
    mapfile -t packages < <(missing_packages "$@")
    for package in "${packages[@]}"; do
        optional "$package" || give_up "$package is installed, but what it should bring is still missing"
    done
}

main "$@"
