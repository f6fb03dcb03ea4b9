// The config.json of a cell's bundle: a cell's whole hardening in one place, for an OCI runtime.
#ifndef CLOCHE_ENGINE_OCI_SPEC_H
#define CLOCHE_ENGINE_OCI_SPEC_H

#include "base/buf.h"
#include "engine/engine.h"

// Annotations by which a bundle tells what is in it.
#define OCI_LANGUAGE "cloche.language"
#define OCI_RUNTIME "cloche.runtime"

enum { OCI_SPEC_MAX = 512 * 1024 };

// What holds for the program that reads the description.
typedef struct {
    const char *seccomp; // what oci_seccomp made; for gVisor unused
    const char *filter;  // that as crun has compiled it, in base64, or NULL: takes its place
} oci_dialect_t;

// Appends the JSON text. `rootfs` is the unpacked image, `group` the control group of the cell itself.
int oci_spec(buf_t *out, const engine_spec_t *spec, const char *rootfs, const char *group,
             const oci_dialect_t *dialect) MUSTCHECK;

#endif
