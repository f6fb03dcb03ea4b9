# Steps of `make up`: each runs in a process group of its own, is timed, and reports in one line.
# shellcheck shell=bash

STEP_LOG_DIR=
STEP_PID=

# step TITLE FUNCTION [ARGUMENTS]: the function's output goes to a log; `die` and `warn` reach the user.
step() {
    local title=$1 began=${EPOCHREALTIME/./} status=0 log verdict notes
    shift
    log=$STEP_LOG_DIR/${title// /-}.log
    verdict=$STEP_LOG_DIR/verdict notes=$STEP_LOG_DIR/warnings
    rm -f "$verdict" "$notes"

    set -m
    (
        export STEP_VERDICT=$verdict
        "$@"
    ) </dev/null >"$log" 2>&1 &
    STEP_PID=$!
    set +m
    progress "$title" "$began" "$log"
    wait "$STEP_PID" || status=$?
    STEP_PID=

    if ((status == 0)); then
        printf '  ok  %-22s %7s s\n' "$title" "$(seconds_since "$began")"
        [[ ! -s $notes ]] || sed 's/^/      warning: /' "$notes"
        return
    fi
    printf '  !!  %-22s %7s s\n' "$title" "$(seconds_since "$began")"
    if [[ -s $verdict ]]; then
        printf 'cloche: %s\n' "$(<"$verdict")" >&2
    else
        tail -n 15 "$log" | sed 's/^/      /' >&2
        printf "cloche: step '%s' failed; its whole output is in %s\n" "$title" "$log" >&2
    fi
    exit 1
}

# A sentence the user should read although the step succeeds.
warn() {
    printf '%s\n' "$*" >>"$STEP_LOG_DIR/warnings"
}

seconds_since() {
    local elapsed=$((${EPOCHREALTIME/./} - $1))
    printf '%d.%d' $((elapsed / 1000000)) $((elapsed / 100000 % 10))
}

# Waits for the step; on a terminal shows its last line of output, elsewhere a line every half minute.
progress() {
    local title=$1 began=$2 log=$3 pause=0.02 next=15 elapsed last
    while kill -0 "$STEP_PID" 2>/dev/null; do
        sleep "$pause"
        elapsed=$(((${EPOCHREALTIME/./} - began) / 1000000))
        if ((elapsed < 1)); then
            pause=0.05
        elif [[ -t 1 ]]; then
            pause=0.3
            last=$(tail -c 400 "$log" | tr -d '\r' | tail -n 1 | tr -cd '[:print:]' | cut -c -40)
            printf '\r\033[K  ..  %-22s %5d s  %s' "$title" "$elapsed" "$last"
        elif ((elapsed >= next)); then
            pause=0.3 next=$((next + 30))
            printf '  ..  %-22s %5d s\n' "$title" "$elapsed"
        fi
    done
    [[ ! -t 1 ]] || printf '\r\033[K'
}

# Ends the step that runs, if any; for the traps of the caller.
stop_step() {
    [[ -z $STEP_PID ]] || { kill -TERM -- "-$STEP_PID" 2>/dev/null && wait "$STEP_PID" || true; }
}
