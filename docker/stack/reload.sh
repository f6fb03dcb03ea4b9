#!/bin/bash
# `make reload`, `cloche-reload`: nginx reads its certificates again, without dropping a connection. For the hook of what renews them.

# shellcheck disable=SC2034 # lib.sh reads it
OF_RUNNING_STACK=1
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

main() {
    need_root
    ! installed || exec systemctl reload cloche-nginx.service
    supervised "$SCAN/nginx" || die "nothing runs in $CLOCHE_RUN"
    # What it would log is no part of a test.
    nginx -t -q -p "$CLOCHE_RUN/nginx/" -e stderr -c "$CLOCHE_RUN/conf/nginx.conf" >/dev/null ||
        die "nginx would not take this; it goes on with what it has"
    s6-svc -h "$SCAN/nginx"
}

main
