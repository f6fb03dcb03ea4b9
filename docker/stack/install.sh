#!/bin/bash
# `make install`: programs to PREFIX/lib/cloche, all that is no program to PREFIX/share/cloche, systemd's units,
# commands, manual pages, and settings to SYSCONFDIR/cloche. It starts nothing.
#
# From the environment: DESTDIR PREFIX SYSCONFDIR BIN VERSION, as make has them.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
TOP=$(readlink -f "${BASH_SOURCE[0]%/*}/../..")
ROOT=$DESTDIR$PREFIX
LIB=$ROOT/lib/cloche
SHARE=$ROOT/share/cloche
# Of docker/stack, what only `make up` and s6 need stays behind.
SCRIPTS=(lib checks processes services database images examples unit status logs reload backup restore)
COMMANDS=(status logs reload backup restore)

# put FILE TARGET: with the mode a file of this kind has.
put() {
    install -D -m "$([[ -x $1 ]] && echo 0755 || echo 0644)" "$1" "$2"
}

put_programs() {
    local program
    for program in "$BIN"/{cloche,cloche-worker,cloche-keeper} build/image/launcher; do
        put "$program" "$LIB/bin/${program##*/}"
    done
}

# A language is a folder with a file `packages`.
shared_files() {
    local languages=(docker/*/packages)
    find "${languages[@]%/packages}" docker/{build-images.sh,seccomp.json,daemon.json.in,stack/conf} nginx sql \
        -type f ! -path '*/__pycache__/*'
}

put_shared() {
    local file name
    while read -r file; do
        put "$file" "$SHARE/$file"
    done < <(shared_files)
    for name in "${SCRIPTS[@]}"; do
        put "docker/stack/$name.sh" "$SHARE/docker/stack/$name.sh"
    done
    for file in docker/stack/services/{workers,*/run}; do
        [[ $file == */api/run || $file == */fn/run ]] || put "$file" "$SHARE/$file"
    done
    while read -r file; do
        put "$file" "$SHARE/${file#build/}"
    done < <(find build/html -type f)
    for name in docker nginx sql html; do
        ln -sfnr "$SHARE/$name" "$LIB/$name"
    done
}

put_commands() {
    local name
    install -d "$ROOT/bin" "$ROOT/sbin"
    ln -sfnr "$LIB/bin/cloche" "$ROOT/bin/cloche"
    for name in "${COMMANDS[@]}"; do
        ln -sfnr "$SHARE/docker/stack/$name.sh" "$ROOT/sbin/cloche-$name"
    done
}

# A line `@include NAME` of a unit is the file NAME beside it.
put_units() {
    local unit folder=docker/systemd
    for unit in "$folder"/*.{service,socket,target}; do
        install -d "$ROOT/lib/systemd/system"
        awk -v folder="$folder" '$1 == "@include" {
                while ((getline line <(folder "/" $2)) > 0) print line
                close(folder "/" $2)
                next
            } { print }' "$unit" | sed "s|@LIB@|$PREFIX/lib/cloche|g" >"$ROOT/lib/systemd/system/${unit##*/}"
    done
    put "$folder/cloche.sysusers" "$ROOT/lib/sysusers.d/cloche.conf"
    put "$folder/cloche.tmpfiles" "$ROOT/lib/tmpfiles.d/cloche.conf"
}

# page NAME SECTION SUMMARY: a manual page of what is on standard input, lines as they are.
page() {
    install -d "$ROOT/share/man/man$2"
    {
        printf '.TH %s %s "" "Cloche %s"\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' "${1^^}" "$2" "$VERSION" "$1" "$3"
        sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"
        printf '.fi\n.SH SEE ALSO\n.BR cloche (8),\n.BR cloche.conf (5)\n'
    } | gzip -9n >"$ROOT/share/man/man$2/$1.$2.gz"
}

put_manual() {
    local name
    install -d "$ROOT/share/man/man8"
    sed "s/@VERSION@/$VERSION/" docker/systemd/cloche.8 | gzip -9n >"$ROOT/share/man/man8/cloche.8.gz"
    for name in "${COMMANDS[@]}"; do
        echo '.so man8/cloche.8' | gzip -9n >"$ROOT/share/man/man8/cloche-$name.8.gz"
    done
    "$BIN/cloche-keeper" --help | sed '/^Settings/,$d' | page cloche-keeper 8 'owner of the cells of Cloche'
    "$BIN/cloche-worker" --help | sed '/^Settings/,$d' | page cloche-worker 8 'FastCGI program of Cloche'
    "$BIN/cloche" --help | sed '1,/^settings/d; /^environment as/d' | page cloche.conf 5 'settings of Cloche, one to a line: name = value'
    "$BIN/cloche" --help | sed '/^settings/,$d' | page cloche 1 'command line tool of an installation of Cloche'
}

# Settings that are there already are the machine's.
put_settings() {
    local file=$DESTDIR$SYSCONFDIR/cloche/cloche.conf
    [[ -e $file ]] || install -D -m 0640 docker/systemd/cloche.conf "$file"
}

[[ $PREFIX =~ ^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$ ]] || { echo "PREFIX must be an absolute path" >&2; exit 1; }
cd "$TOP"
put_programs
put_shared
put_commands
put_units
put_manual
put_settings
