// All of the shim is inline in its headers but this: one variable for all who include them.
#include "CLinuxMemory.h"

__thread struct lm_call_state lm_this_call;
