# The images of the cells. Sourced by up.sh and unit.sh.
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
    engine GET '/images/json?filters=%7B%22reference%22%3A%5B%22cloche-*%3Acurrent%22%5D%7D' |
        jq -r '.[].Id' | sort >"$CLOCHE_RUN/state/images"
}

# mmdebstrap takes its packages from the archives that apt knows; on a machine whose lists were cleaned
# away it knows none.
make_images() {
    [[ -n $(apt-get indextargets 'Created-By: Packages') ]] || apt-get --quiet update || true
    mkdir -p "$CLOCHE_BUILD_DIR"
    flock "$CLOCHE_BUILD_DIR/.lock" "$TOP/docker/build-images.sh" "$CLOCHE_BUILD_DIR" "$@"
    hand_back
}
