#!/bin/bash
# `make logs`, `cloche-logs`: follows the logs of all services, each line with the service's name.

# shellcheck disable=SC2034 # lib.sh reads it
OF_RUNNING_STACK=1
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

main() {
    need_root
    ! installed || exec journalctl --follow --lines="${LINES_EACH:-40}" --output=short-iso --unit='cloche-*'
    local file service
    trap 'kill $(jobs -p) 2>/dev/null' EXIT
    for file in "$CLOCHE_HOME"/log/*/current; do
        [[ -e $file ]] || die "there are no logs in $CLOCHE_HOME/log yet; 'make up' starts the services"
        service=$(basename "$(dirname "$file")")
        tail -n "${LINES_EACH:-5}" -F "$file" 2>/dev/null | sed -u "s/^/$(printf '%-10s ' "$service")/" &
    done
    wait
}

main
