# Deploys html/examples through the API, like any client. Sourced by up.sh.
# shellcheck shell=bash

# Each <name>.json is the body of POST /api/functions without its code, and names the file that holds
# it; `order` and `expect` are for the dashboard and the tests. One whose name is taken is there already.
deploy_examples() {
    local name meta body answer have deployed=0
    have=$(api GET "/api/functions?limit=100" | jq -r '.items[].name')
    while IFS=$'\t' read -r name meta; do
        ! grep -qxF "$name" <<<"$have" || continue
        body=$(jq --rawfile code "$APP/html/examples/$(jq -r .file "$meta")" \
            'del(.file, .order, .expect) + {code: $code}' "$meta")
        answer=$(api POST /api/functions -H 'Content-Type: application/json' --data-binary @- <<<"$body") || {
            [[ $(jq -r .code <<<"$answer") == @(name_taken|route_taken) ]] && continue
            echo "$answer"
            die "the example ${meta##*/} could not be deployed: $(jq -r '.detail // .title' <<<"$answer")"
        }
        deployed=$((deployed + 1))
    done < <(jq -r '[.name, input_filename] | @tsv' "$APP"/html/examples/*.json)
    echo "$deployed deployed"
}

# api METHOD /path [curl arguments]: as the admin. Prints the answer; fails on an HTTP error. The token
# goes through a pipe, so that no process list shows it. This machine is asked by its address, which no
# certificate names.
api() {
    local method=$1 path=$2
    shift 2
    curl --silent --insecure --fail-with-body --noproxy '*' --max-time 30 -X "$method" \
        -H @<(printf 'Authorization: Bearer %s\n' "$(<"$CLOCHE_HOME/admin.token")") "$LOCAL_URL$path" "$@"
}

wait_for_health() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        ! curl --silent --insecure --fail --noproxy '*' --max-time 2 --output /dev/null "$LOCAL_URL/api/health" || return 0
        sleep 0.1
    done
    die "the API does not become healthy; 'make logs' shows why"
}
