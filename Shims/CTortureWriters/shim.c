// A target needs a source file; all of the shim is in its header.
#include "CTortureWriters.h"
