#!/bin/bash
# `make deb`: build/cloche_VERSION_ARCH.deb from what `make install` installs. From the environment: BIN VERSION.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
cd "${BASH_SOURCE[0]%/*}/../.."
HERE=docker/debian
STAGE=build/package
ROOT=$STAGE/root
DOC=$ROOT/usr/share/doc/cloche
ARCH=$(dpkg --print-architecture)
# The same sources give the same package.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)
export SOURCE_DATE_EPOCH
# Who builds it, in the variables Debian's tools use.
MAINTAINER="${DEBFULLNAME:-Cloche} <${DEBEMAIL:-$(git log -1 --format=%ae 2>/dev/null || echo "root@$(hostname -f)")}>"

put_documents() {
    local file
    for file in README.md docs/*.md; do
        install -D -m 0644 "$file" "$DOC/$file"
    done
    cp -r docs/images "$DOC/docs/images"
    {
        printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Cloche\n\n'
        printf 'Files: *\nCopyright: %s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
        sed '1,/^Copyright/d; /^$/{1,2d}' LICENSE | sed '/./,$!d; s/^$/./; s/^/ /'
    } >"$DOC/copyright"
    printf 'cloche (%s) stable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' \
        "$VERSION" "$VERSION" "$MAINTAINER" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$DOC/changelog.gz"
    install -D -m 0644 "$HERE/overrides" "$ROOT/usr/share/lintian/overrides/cloche"
}

# The libraries' packages, with the versions whose symbols the programs use.
libraries() {
    local folder=$STAGE/shlibs
    mkdir -p "$folder/debian"
    echo 'Source: cloche' >"$folder/debian/control"
    (cd "$folder" && dpkg-shlibdeps -O "-S../root" "../root/usr/lib/cloche/bin/"cloche{,-worker,-keeper}) | sed -n 's/^shlibs:Depends=//p'
}

write_control() {
    local control=$ROOT/DEBIAN libraries size script
    libraries=$(libraries)
    mkdir "$control"
    size=$(du -k -s --apparent-size "$ROOT" | cut -f 1)
    sed "s|@VERSION@|$VERSION|; s|@MAINTAINER@|$MAINTAINER|; s|@ARCH@|$ARCH|; s|@SIZE@|$size|; s|@LIBRARIES@|$libraries|" "$HERE/control" >"$control/control"
    echo /etc/cloche/cloche.conf >"$control/conffiles"
    for script in postinst prerm postrm; do
        install -m 0755 "$HERE/$script" "$control/$script"
    done
    (cd "$ROOT" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | sort | xargs -d '\n' md5sum) >"$control/md5sums"
}

rm -rf "$STAGE"
mkdir -p "$ROOT"
make --no-print-directory install DESTDIR="$PWD/$ROOT" PREFIX=/usr
chmod 0644 "$ROOT/etc/cloche/cloche.conf"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$ROOT"/usr/lib/cloche/bin/cloche*
put_documents
write_control
dpkg-deb --root-owner-group --build "$ROOT" build/ | sed 's/^dpkg-deb: //'
