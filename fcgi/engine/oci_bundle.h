// What an OCI runtime has on disk for one cell, all of it below one directory:
//
//     $CLOCHE_RUN/oci/<instance>/config.json    what it was made from
//                                pid            of its first process
//                                state/         the runtime's own records (--root)
//
// Only root writes there; no function can reach it. The directory is the list of what there is.
#ifndef CLOCHE_ENGINE_OCI_BUNDLE_H
#define CLOCHE_ENGINE_OCI_BUNDLE_H

#include "base/buf.h"
#include "engine/engine.h"

enum { BUNDLE_PATH = 640 };

int bundle_make(const char *dir, const char *config, err_t *err) MUSTCHECK;
// Language and runtime, from what bundle_make wrote.
int bundle_kind(const char *dir, language_t *language, runtime_t *runtime, err_t *err) MUSTCHECK;
int bundle_pid(const char *dir, pid_t *pid, err_t *err) MUSTCHECK;
// The system call filter that crun compiled for the container `id`, in base64. Its process need not live.
int bundle_filter(const char *dir, const char *id, buf_t *out, err_t *err) MUSTCHECK;
// Removes a directory with all that is in it. Not there counts as done.
int bundle_remove(const char *dir, err_t *err) MUSTCHECK;

#endif
