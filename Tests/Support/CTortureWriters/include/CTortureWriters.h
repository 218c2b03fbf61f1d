/// What tests do and Swift cannot say: writing memory by other processes, devices and file systems, starting programs with
/// nothing that they would inherit. For tests only.
///
/// Functions return the call's result, or minus the error number.
#ifndef SAMEPAGE_CTORTURE_WRITERS_H
#define SAMEPAGE_CTORTURE_WRITERS_H

#include "TWDevice.h"
#include "TWDirect.h"
#include "TWFuse.h"
#include "TWProcess.h"
#include "TWRing.h"
#include "TWServeWrites.h"
#include "TWSlowSource.h"
#include "TWSpawn.h"

#endif
