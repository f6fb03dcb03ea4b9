#!/bin/bash
# Makes the images of the cells: a base of Debian packages per language, and the runner on top. A language is a
# folder here with a file `packages`; docs/adding-a-language.md says what else is in it.
#
#   DOCKER_HOST=unix:///… docker/build-images.sh BUILD_FOLDER
#   docker/build-images.sh BUILD_FOLDER FOLDER
#
# The second form needs no Docker: it unpacks each image in FOLDER/<language>-<hash>, with a link
# FOLDER/<language> to it. Needs BUILD_FOLDER/image/launcher. Both layers are named by a hash of what they are
# made from: what is there already is not made again, and the base, once in BUILD_FOLDER/images, needs no
# network. DOCKER names the client to use (default: docker).
# shellcheck disable=SC2317 # functions are called through step
set -euo pipefail

readonly SUITE=bookworm
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
HERE=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath -m "${1:?usage: build-images.sh BUILD_FOLDER [FOLDER]}")
readonly HERE BUILD UNPACKED=${2:-} DOCKER=${DOCKER:-docker}
# The same input gives the same files, times included.
export SOURCE_DATE_EPOCH=1700000000
# The classic builder: Debian's docker.io has no other.
export DOCKER_BUILDKIT=0

declare -A PACKAGES=()
for file in "$HERE"/*/packages; do
    language=$(basename "$(dirname "$file")")
    PACKAGES[$language]=$(tr -s '[:space:]' ' ' <"$file")
done

# shellcheck disable=SC2016 # mmdebstrap's shell expands $1, the new root
# What a cell never reads. Left out while unpacking, so that the packages' own scripts still find the rest.
BASE_OPTIONS=(
    --variant=essential
    --format=tar
    --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/info/*'
    --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-include=/usr/share/doc/*/copyright'
    --dpkgopt='path-exclude=/usr/share/locale/*'
    --dpkgopt='path-exclude=/usr/share/i18n/*'
    --customize-hook='rm -rf "$1"/var/lib/apt/* "$1"/var/cache/* "$1"/var/log/* "$1"/run/* "$1"/tmp/*'
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap'
    # dpkg cannot be of use in a read-only cell without network; its database still tells what is installed.
    --customize-hook='rm -rf "$1"/var/lib/dpkg/info "$1"/var/lib/dpkg/*-old "$1"/usr/share/perl5'
    # Where the keeper mounts the cell's socket.
    --customize-hook='mkdir -p "$1"/run/cloche'
)

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# step NAME COMMAND...: runs it, then one line with its time.
step() {
    local name=$1 start
    start=$(now_ms)
    shift
    "$@"
    echo "$name: $(($(now_ms) - start)) ms"
}

die() {
    echo "build-images: $1" >&2
    exit 1
}

short_hash() { sha256sum | cut -c1-16; }

# The Debian archives this machine's apt already uses, and nothing of any third party.
debian_sources() {
    local line="deb [signed-by=$KEYRING] \$(REPO_URI) \$(CODENAME) \$(COMPONENT) \$(ORIGIN)"
    apt-get indextargets --format "$line" 'Created-By: Packages' |
        awk -v suite="$SUITE" '$NF == "Debian" && $4 ~ "^" suite "(-updates|-security)?$" {
            $NF = ""; if (!seen[$0]++) print
        }'
}

# What is run in the base once its packages are there, as hooks of mmdebstrap: the lines of the file `base`.
base_hooks() {
    local commands=$HERE/$1/base
    # shellcheck disable=SC2016 # mmdebstrap's shell expands $1, the new root
    [ ! -f "$commands" ] || jq -r '"--customize-hook=chroot \"$1\" " + @sh' "$commands"
}

# apt inside the new system knows nothing of this machine's proxy.
apt_proxies() {
    local http='' https=''
    eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy)"
    [ -z "$http" ] || echo "Acquire::http::Proxy \"$http\";"
    [ -z "$https" ] || echo "Acquire::https::Proxy \"$https\";"
}

# make_base LANGUAGE TARBALL WORK_FOLDER
make_base() {
    local language=$1 tarball=$2 work=$3 tries hooks
    # While someone runs apt-get update, there are moments without an index.
    for tries in 5 4 3 2 1 0; do
        debian_sources >"$work/sources.list"
        [ ! -s "$work/sources.list" ] || break
        [ "$tries" -gt 0 ] || die "apt has no index of Debian $SUITE; run apt-get update first"
        sleep 1
    done
    apt_proxies >"$work/apt.conf"
    mapfile -t hooks < <(base_hooks "$language")
    if ! TMPDIR=$work mmdebstrap "${hooks[@]}" "${BASE_OPTIONS[@]}" --aptopt="$work/apt.conf" \
        --include="${PACKAGES[$language]}" "$SUITE" "$work/base.tar" "$work/sources.list" 2>"$work/log"; then
        tail -n 20 "$work/log" >&2
        die "mmdebstrap could not make the $language base"
    fi
    mv "$work/base.tar" "$tarball"
}

has_image() { "$DOCKER" image inspect "$1" >/dev/null 2>&1; }

load_base() { "$DOCKER" import "$1" "$2" >/dev/null; }

# The files of the image's /cloche, with the modes they shall have there.
stage() {
    local language=$1 context=$2
    mkdir -p "$context/cloche"
    cp "$HERE/$language/Dockerfile" "$context/"
    tar -C "$HERE/$language" --exclude=Dockerfile --exclude=packages --exclude=base --exclude=__pycache__ -cf - . | tar -C "$context/cloche" -xf -
    cp "$BUILD/image/launcher" "$context/cloche/launcher"
    chmod -R u=rwX,go=rX "$context"
    find "$context" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

build_runner() {
    local context=$1 base=$2 image=$3
    local log=$context.log
    if ! "$DOCKER" build --network none --build-arg "BASE=$base" --tag "$image" "$context" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "docker could not build $image"
    fi
}

# The image as a folder: the base, the runner on top, and what the Dockerfile runs. It gets its name when it
# is complete. Device nodes are left out; a cell's /dev is made by the runtime.
unpack() {
    local tarball=$1 context=$2 folder=$3 command arguments
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    chmod 0755 "$folder.new"
    tar -C "$folder.new" --numeric-owner --exclude='./dev/*' -xf "$tarball"
    tar -C "$context" --owner=0 --group=0 -cf - cloche | tar -C "$folder.new" -xf -
    sed -n 's/^RUN //p' "$context/Dockerfile" | while read -r command; do
        mapfile -t arguments < <(jq -r '.[]' <<<"$command")
        chroot "$folder.new" "${arguments[@]}" </dev/null
    done
    mv -T "$folder.new" "$folder"
}

# The link is replaced in one step: whoever makes a cell finds one image or the other.
link_unpacked() {
    ln -sfT "$2" "$UNPACKED/$1.new"
    mv -T "$UNPACKED/$1.new" "$UNPACKED/$1"
}

build_language() {
    local language=$1 base_hash runner_hash base tarball image folder work
    base_hash=$(printf '%s\n' "$SUITE" "$(uname -m)" "${PACKAGES[$language]}" "$(base_hooks "$language")" "${BASE_OPTIONS[@]}" |
        short_hash)
    base=cloche-base-$language:$base_hash
    tarball=$BUILD/images/base-$language-$base_hash.tar
    runner_hash=$({
        echo "$base_hash"
        cd "$HERE/$language"
        find . -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum
        sha256sum <"$BUILD/image/launcher"
        "$BUILD/image/launcher" --processor # a snapshot of the interpreter is for this one
    } | short_hash)
    image=cloche-$language:$runner_hash
    folder=$UNPACKED/$language-$runner_hash

    if [ -n "$UNPACKED" ] && [ -d "$folder" ]; then
        link_unpacked "$language" "${folder##*/}"
        return
    fi
    if [ -z "$UNPACKED" ] && has_image "$image"; then
        "$DOCKER" tag "$image" "cloche-$language:current"
        return
    fi
    work=$(mktemp -d "$BUILD/images/.work.XXXXXX")
    # shellcheck disable=SC2064 # a local has no value any more when the trap runs
    trap "rm -rf '$work'" EXIT
    [ -z "$UNPACKED" ] && has_image "$base" || [ -f "$tarball" ] ||
        step "base of $language" make_base "$language" "$tarball" "$work"
    stage "$language" "$work/context"
    if [ -n "$UNPACKED" ]; then
        step "image $folder" unpack "$tarball" "$work/context" "$folder"
        link_unpacked "$language" "${folder##*/}"
        return
    fi
    has_image "$base" || step "load base of $language" load_base "$tarball" "$base"
    step "image $image" build_runner "$work/context" "$base" "$image"
    "$DOCKER" tag "$image" "cloche-$language:current"
}

[ -x "$BUILD/image/launcher" ] || die "$BUILD/image/launcher is missing; build it first"
[ -n "$UNPACKED" ] || "$DOCKER" version >/dev/null 2>&1 ||
    die "no engine answers at ${DOCKER_HOST:-the default socket}"
mkdir -p "$BUILD/images/.docker"
# Nothing of the user's own client configuration: no registry, no credential helper.
export DOCKER_CONFIG=$BUILD/images/.docker

pids=()
for language in "${!PACKAGES[@]}"; do
    build_language "$language" &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
    wait "$pid" || status=1
done
exit "$status"
