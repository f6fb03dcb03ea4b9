// A call's record as it is before anything has come of the call.
#ifndef CLOCHE_SERVICE_INVOKE_RECORD_H
#define CLOCHE_SERVICE_INVOKE_RECORD_H

#include "service/invoke.h"

// Fills the record, which the caller frees; what a replay would need is kept where the function says so, all of
// it or nothing.
void invoke_record_begin(invocation_t *r, const invoke_call_t *call);

#endif
