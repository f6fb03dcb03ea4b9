#include "base/fault.h"

fault_hook_t *fault_hook = NULL;
