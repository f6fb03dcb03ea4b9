// Invocations as bytes, for the journal: everything in the struct, one version byte first, numbers
// big-endian. Reading is strict: every word known, every length within its bounds, nothing left over.
#ifndef CLOCHE_MODEL_INVOCATION_CODEC_H
#define CLOCHE_MODEL_INVOCATION_CODEC_H

#include "base/buf.h"
#include "base/err.h"
#include "model/invocation.h"

// Appends. ERR_LIMIT when the buffer's ceiling is too low, ERR_INVALID for an id that is none.
int invocation_encode(const invocation_t *inv, buf_t *out, err_t *err) MUSTCHECK;

// ERR_INVALID for what invocation_encode did not make; *out is then empty. The caller frees *out.
int invocation_decode(const char *data, size_t len, invocation_t *out, err_t *err) MUSTCHECK;

#endif
