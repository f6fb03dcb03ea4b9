// A system call profile in Docker's form, as an OCI runtime takes it.
#ifndef CLOCHE_ENGINE_OCI_SECCOMP_H
#define CLOCHE_ENGINE_OCI_SECCOMP_H

#include "base/buf.h"

// Docker's form knows several machines and conditions; the OCI's is for one. Those of `machine` and
// `release` (as uname tells them) are taken, and a cell has no capabilities. A profile that does not
// know the machine, or has something that is not understood, is an error: part of a filter is none.
int oci_seccomp(const char *profile, const char *machine, const char *release, buf_t *out,
                err_t *err) MUSTCHECK;

#endif
