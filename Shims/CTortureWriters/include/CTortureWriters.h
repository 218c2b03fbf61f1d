/// What tests do and Swift cannot say: writing memory by fork, process_vm_writev and io_uring, starting programs with nothing
/// that they would inherit. For tests only.
///
/// Functions return the call's result, or minus the error number.
#ifndef SAMEPAGE_CTORTURE_WRITERS_H
#define SAMEPAGE_CTORTURE_WRITERS_H

#include "TWProcess.h"
#include "TWRing.h"
#include "TWSlowSource.h"
#include "TWSpawn.h"

#endif
