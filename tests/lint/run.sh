#!/bin/bash
# `make lint`: everything about the sources that can be checked without running them. Each check prints
# one line and, when it fails, what it found; the exit status says whether all passed.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LC_ALL=C.UTF-8

MAX_LINES=600
BANNED='strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atoll|atof|gets|gmtime|localtime'
NUMBERS='strtol|strtoul|strtoll|strtoull|strtoimax|strtoumax|sscanf'

# sources EXTENSION…: files of ours with these endings.
sources() {
    local extension tests=()
    for extension in "$@"; do
        tests+=(-o -name "*.$extension")
    done
    find . \( -name node_modules -o -path ./build -o -path ./.git \) -prune -o \
        -type f \( "${tests[@]:1}" \) -print | sort | sed 's|^\./||'
}

# Shell scripts, those without an ending included.
shell_sources() {
    {
        sources sh
        grep -rlIE --exclude-dir={build,node_modules,.git} --exclude='*.md' '^#!.*\b(ba)?sh\b' . | sed 's|^\./||'
    } | sort -u
}

check_format() {
    sources c h | grep -E '^(fcgi|docker|tests)/' | xargs clang-format --dry-run --Werror
}

check_layers() {
    find fcgi -name '*.[ch]' -exec awk -f tests/lint/layers.awk {} +
}

# Comments may name these functions; code may not call them.
check_banned() {
    local found
    found=$({
        sources c h | grep -E '^(fcgi|docker)/' | xargs grep -nE "\b($BANNED)[[:space:]]*\("
        sources c h | grep -E '^(fcgi|docker)/' | grep -vx fcgi/base/str.c | xargs grep -nE "\b($NUMBERS)[[:space:]]*\("
    } | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(//|\*|/\*)')
    [[ -z $found ]] || { printf 'banned, see base/str.h and base/clock.h:\n%s\n' "$found"; return 1; }
}

check_size() {
    local found
    found=$({ sources c h sh awk js jsx mjs css html py sql; shell_sources; } | sort -u | xargs wc -l |
        awk -v max="$MAX_LINES" '$2 != "total" && $1 > max {print $2 ": " $1 " lines, at most " max}')
    [[ -z $found ]] || { echo "$found"; return 1; }
}

# The build folder of this variant is kept, so that a second run compiles only what changed. Where all begins from
# nothing, in CI, what is compiled here is what the tests run.
check_warnings() {
    local variant=lint
    [[ -z ${CI:-} ]] || variant=release
    make --no-print-directory -j "$(nproc)" "VARIANT=$variant" WERROR=1 check-compile
}

# What is left out: leaks, because cppcheck does not see cleanup attributes (the sanitized tests look for
# them), and NULL at the end of a variable argument list, which is a pointer in glibc.
# The cache does not notice new macro definitions by itself.
check_cppcheck() {
    local cache
    cache=build/cppcheck/$(cksum <tests/lint/cppcheck.cfg | cut -d ' ' -f 1)
    mkdir -p "$cache"
    cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 \
        --cppcheck-build-dir="$cache" -j "$(nproc)" -Ifcgi -D_GNU_SOURCE -D__linux__ \
        --library=tests/lint/cppcheck.cfg \
        --suppress=missingIncludeSystem --suppress=unmatchedSuppression --suppress=varFuncNullUB --suppress=memleak \
        fcgi docker/launcher.c
}

# SC1091: files that only a running stack has. SC2015: `a && b || c` is meant where it stands.
check_shell() {
    shell_sources | xargs shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC1091,SC2015
}

check_javascript() {
    sources js mjs cjs | xargs node --no-warnings --experimental-vm-modules tests/lint/javascript.mjs
}

check_python() {
    sources py | xargs -r python3 -c '
import sys
for name in sys.argv[1:]:
    with open(name, "rb") as source:
        compile(source.read(), name, "exec")'
}

check_json() {
    local file status=0
    while read -r file; do
        jq empty "$file" || { echo "$file"; status=1; }
    done < <(sources json)
    return "$status"
}

run_check() {
    local began=${EPOCHREALTIME/./} output status=0
    output=$("check_$1" 2>&1) || status=1
    printf '%-6s %-12s %5d ms\n' "$([[ $status == 0 ]] && echo ok || echo FAILED)" "$1" \
        $(((${EPOCHREALTIME/./} - began) / 1000))
    [[ $status == 0 ]] || printf '%s\n' "$output" | sed 's/^/       /'
    return "$status"
}

main() {
    local check passed=0 failed=0
    docker/stack/packages.sh build lint test || exit 1
    for check in format layers banned size warnings cppcheck shell javascript python json; do
        if run_check "$check"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
    echo "lint: $passed passed, $failed failed"
    ((failed == 0))
}

main
