#!/bin/bash
# `make test`, test-unit, test-all, bench and fuzz: tests/run.sh SUITE…
#
# Suites: unit (C and Node), fuzz, bench, and those of tests/run.mjs, which run on stacks of their own (api,
# fault, attack, browser), and package, which needs none. These use the engine CLOCHE_TEST_ENGINE (default docker); the suite oci is a part of
# them, and what only that engine has, on the engine oci. Installs what they need, and ends with the sum of all: `N passed, N failed`.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export LC_ALL=C.UTF-8

PASSED=0
FAILED=0
FUZZ_SECONDS=${FUZZ_SECONDS:-60}

count() {
    PASSED=$((PASSED + $1))
    FAILED=$((FAILED + $2))
}

# Adds the "N passed, N failed" that a suite printed last; without one, the suite itself has failed.
count_sum() {
    if [[ $1 =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    else
        count 0 1
    fi
}

fail() {
    printf 'FAIL  %s\n' "$*"
    count 0 1
}

# One line for a program whose tests pass; all of its output when one fails.
run_cmocka() {
    local program=$1 name=${1##*/} began=${EPOCHREALTIME/./} output status=0 passed failed
    output=$(CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 "$program" 2>&1) || status=$?
    passed=$(grep -cE '^ok [0-9]+ -' <<<"$output")
    failed=$(grep -cE '^not ok [0-9]+ -' <<<"$output")
    if ((status != 0 && failed == 0)); then
        output+=$'\n'"$name ended with status $status"
        failed=1
    fi
    count "$passed" "$failed"
    if ((failed)); then
        printf '%s\nFAIL  %-36s %4d passed, %d failed\n' "$output" "$name" "$passed" "$failed"
    else
        printf ' ok   %-36s %4d passed  %d ms\n' "$name" "$passed" $(((${EPOCHREALTIME/./} - began) / 1000))
    fi
}

suite_unit() {
    local program folder
    make --no-print-directory -j "$(nproc)" unit build/image/launcher || { fail 'the unit tests do not build'; return; }
    folder=$(make --no-print-directory -s unit-folder)
    for program in "$folder"/*; do
        [[ ! -x $program || -d $program ]] || run_cmocka "$program"
    done
    suite_unit_node
}

suite_unit_node() {
    local tap=build/unit-node.tap
    compgen -G 'tests/unit/*.test.mjs' >/dev/null || return 0
    node --test --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" tests/unit/*.test.mjs
    count_sum "$(awk '/^# pass / {p = $3} /^# fail / {f = $3} END {print p " passed, " f " failed"}' "$tap")"
}

# The packages of the tests run no scripts of theirs, and are not installed as root where it is known who
# called sudo.
install_npm_packages() {
    local as=()
    [[ -z ${SUDO_USER:-} || $SUDO_USER == root ]] || as=(runuser -u "$SUDO_USER" --)
    [[ -e tests/node_modules/.package-lock.json && ! tests/package-lock.json -nt tests/node_modules/.package-lock.json ]] ||
        (cd tests && "${as[@]}" npm ci --ignore-scripts --no-audit --no-fund) ||
        fail 'npm could not install the packages of the tests'
}

suites_node() {
    install_npm_packages
    run_on_stack "$@"
}

suite_oci() {
    CLOCHE_TEST_ENGINE=oci run_on_stack oci tests/api/{execution,examples,failures}.test.mjs tests/attack/{confinement,kernel}.test.mjs
}

run_on_stack() {
    local last=''
    while IFS= read -r line; do
        [[ -z $last ]] || printf '%s\n' "$last"
        last=$line
    done < <(exec node tests/run.mjs "$@" 2>&1)
    count_sum "$last"
}

# Each program gets FUZZ_SECONDS and begins with its corpus; new inputs stay in build/.
suite_fuzz() {
    local program name corpus
    compgen -G 'tests/fuzz/*_fuzz.c' >/dev/null || { fail 'there is nothing to fuzz in tests/fuzz'; return; }
    make --no-print-directory -j "$(nproc)" VARIANT=fuzz fuzzers || { fail 'the fuzzers do not build'; return; }
    for program in build/fuzz/fuzzers/*; do
        name=${program##*/}
        corpus=build/fuzz/corpus/$name
        mkdir -p "$corpus"
        if "$program" -max_total_time="$FUZZ_SECONDS" -print_final_stats=1 -verbosity=0 \
            -artifact_prefix="build/fuzz/$name-" "$corpus" "tests/fuzz/corpus/${name%_fuzz}"; then
            printf ' ok   %s\n' "$name"
            count 1 0
        else
            fail "$name found an input, see above and build/fuzz/$name-*"
        fi
    done
}

suite_bench() {
    [[ -x tests/bench/run ]] || { fail 'there is nothing to measure in tests/bench'; return; }
    if tests/bench/run; then count 1 0; else fail 'bench'; fi
}

main() {
    local suite groups=(build run engine oci database test) on_stack=() on_oci=()
    [[ " $* " != *' browser '* ]] || groups+=(browser)
    [[ " $* " != *' compose '* ]] || groups+=(compose)
    [[ " $* " != *' package '* ]] || groups+=(package ${CLOCHE_TEST_LONG:+machine})
    [[ " $* " != *' bench '* ]] || groups+=(bench)
    [[ " $* " != *' fuzz '* ]] || groups+=(fuzz)
    if ! docker/stack/packages.sh "${groups[@]}"; then
        fail 'what the tests need is not installed'
        set --
    fi
    for suite in "$@"; do
        case $suite in
        unit | fuzz | bench) "suite_$suite" ;;
        oci) on_oci=(suite_oci) ;;
        *) on_stack+=("$suite") ;;
        esac
    done
    ((${#on_stack[@]} == 0)) || suites_node "${on_stack[@]}"
    "${on_oci[@]}"
    printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    ((FAILED == 0 && PASSED > 0))
}

main "$@"
