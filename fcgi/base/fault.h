// Points at which a test can end the process or make a step fail: fault_at("journal: commit").
//
// Nothing but a test program sets the hook; without one, a point costs a load and a branch.
#ifndef CLOCHE_BASE_FAULT_H
#define CLOCHE_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

// Returns true when the step shall fail; may also never return. Called from any thread.
typedef bool fault_hook_t(const char *point);
extern fault_hook_t *fault_hook;

static inline bool fault_at(const char *point)
{
    return fault_hook && fault_hook(point);
}

#endif
