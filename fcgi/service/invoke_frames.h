// What the runner in a cell is sent (docs/protocol.md). What does not fit marks `out` as failed.
#ifndef CLOCHE_SERVICE_INVOKE_FRAMES_H
#define CLOCHE_SERVICE_INVOKE_FRAMES_H

#include "service/invoke.h"

// INIT: the function's code.
void invoke_frame_init(buf_t *out, const function_t *f, runtime_t runtime);
// INVOKE: the call, which ends at `deadline_ns` (CLOCK_MONOTONIC).
void invoke_frame_call(buf_t *out, const invoke_call_t *call, int64_t deadline_ns);

#endif
