# The images of the cells. Sourced by up.sh, unit.sh and container.sh.
# shellcheck shell=bash

# What root made in the checkout belongs to who called sudo.
hand_back() {
    [[ -z ${SUDO_UID:-} || $SUDO_UID == 0 || $CLOCHE_BUILD_DIR != "$TOP/build" ]] ||
        find "$CLOCHE_BUILD_DIR" -uid 0 -exec chown -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" {} +
}

# For the engine that is set. Another image means another keeper: the one that runs has cells of the old image
# ready. What the images are is in state/images.
provide_images() {
    if [[ $CLOCHE_ENGINE == oci ]]; then
        unpack_images
    else
        build_images
    fi
}

unpack_images() {
    make_images "$CLOCHE_HOME/images"
    note_unpacked
}

note_unpacked() {
    find "$CLOCHE_HOME/images" -maxdepth 1 -type l -printf '%l\n' | sort >"$CLOCHE_RUN/state/images"
    drop_old_images
}

# Those that are neither current nor what a cell was made from.
drop_old_images() {
    local folder
    for folder in "$CLOCHE_HOME"/images/*-*; do
        grep -qxF "${folder##*/}" "$CLOCHE_RUN/state/images" ||
            grep -qsF "\"$folder\"" "$CLOCHE_RUN"/oci/*/config.json || rm -rf "$folder"
    done
}

build_images() {
    DOCKER_HOST=unix://$DOCKER_SOCKET make_images
    current_images | jq -r '.[].Id' | sort >"$CLOCHE_RUN/state/images"
}

current_images() {
    engine GET '/images/json?filters=%7B%22reference%22%3A%5B%22cloche-*%3Acurrent%22%5D%7D'
}

# The images that a Docker engine has, unpacked for cells that it does not make.
copy_images() {
    local images language id folder
    install -d -m 0755 "$CLOCHE_HOME/images"
    install -d -m 0700 "$CLOCHE_RUN/state"
    images=$(current_images) || die_unanswered
    images=$(jq -er '.[] | .Id as $id | .RepoTags[] | capture("^cloche-(?<of>[a-z0-9]+):current$") | "\(.of) \($id)"' <<<"$images") ||
        die "the Docker engine at unix://$DOCKER_SOCKET has no image cloche-<language>:current"
    while read -r language id; do
        folder=$CLOCHE_HOME/images/$language-${id:7:16}
        [[ -d $folder ]] || copy_image "$id" "$folder"
        ln -sfT "${folder##*/}" "$CLOCHE_HOME/images/$language.new"
        mv -T "$CLOCHE_HOME/images/$language.new" "$CLOCHE_HOME/images/$language"
    done <<<"$images"
    note_unpacked
}

# By way of a container that never starts. Device nodes are left out; a cell's /dev is made by the runtime.
copy_image() {
    local id=$1 folder=$2 container
    printf 'cloche: copying the image %s\n' "${folder##*/}" >&2
    rm -rf "$folder.new"
    mkdir "$folder.new"
    container=$(engine POST /containers/create -H 'Content-Type: application/json' --data "$(jq -n --arg image "$id" --arg run "$CLOCHE_RUN" \
        '{Image: $image, Cmd: ["/"], NetworkDisabled: true, Labels: {"cloche.instance": $run}}')" | jq -er .Id) ||
        die "the Docker engine at unix://$DOCKER_SOCKET does not hand out ${folder##*/}"
    engine GET "/containers/$container/export" --max-time 0 --speed-limit 1000 --speed-time 60 |
        tar -C "$folder.new" --numeric-owner --exclude='dev/*' --exclude=.dockerenv -xf - ||
        die "the image ${folder##*/} cannot be unpacked"
    engine DELETE "/containers/$container?force=true" >/dev/null || true
    mv -T "$folder.new" "$folder"
}

# mmdebstrap takes its packages from the archives that apt knows; on a machine whose lists were cleaned
# away it knows none.
make_images() {
    [[ -n $(apt-get indextargets 'Created-By: Packages') ]] || apt-get --quiet update || true
    mkdir -p "$CLOCHE_BUILD_DIR"
    flock "$CLOCHE_BUILD_DIR/.lock" "$TOP/docker/build-images.sh" "$CLOCHE_BUILD_DIR" "$@"
    hand_back
}
