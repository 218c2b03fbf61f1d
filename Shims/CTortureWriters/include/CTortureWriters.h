/// What the torture writes memory with, and Swift cannot say: fork, process_vm_writev, io_uring. For tests only.
///
/// Functions return the call's result, or minus the error number.
#ifndef SAMEPAGE_CTORTURE_WRITERS_H
#define SAMEPAGE_CTORTURE_WRITERS_H

#include "TWProcess.h"
#include "TWRing.h"
#include "TWSlowSource.h"

#endif
