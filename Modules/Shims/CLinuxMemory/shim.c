// All of the shim is inline in its headers; a target needs one source file.
#include "CLinuxMemory.h"
