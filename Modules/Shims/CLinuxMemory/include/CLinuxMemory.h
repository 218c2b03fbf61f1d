/// System calls, numbers and structures that Samepage needs and that the headers of Debian 12 (Linux 6.1) lack.
///
/// Conventions, once for all of it:
/// - A function is one system call. It returns the call's result, or minus the error number: `errno` is never touched.
/// - Calls go straight to the kernel, not through libc: a preload library that interposes mmap or madvise does not
///   meet itself.
/// - An address in tracked memory is a `uintptr_t`: a number for the kernel. What is read or written here is a pointer.
/// - Everything is prefixed `lm_` or `LM_`, and no Linux header is included: newer ones cannot clash.
#ifndef SAMEPAGE_CLINUXMEMORY_H
#define SAMEPAGE_CLINUXMEMORY_H

#include "LMSystemCall.h"
#include "LMFiles.h"
#include "LMMapQuery.h"
#include "LMMemory.h"
#include "LMUserfault.h"
#include "LMPagemap.h"
#include "LMBytes.h"
#include "LMStatus.h"
#include "LMThread.h"
#include "LMSocket.h"
#include "LMSignal.h"
#include "LMProbe.h"
#include "LMAtomic.h"
#include "LMProgram.h"
#include "LMLoader.h"
#include "LMProgramCalls.h"
#include "LMFilter.h"
#include "LMStore.h"
#include "LMService.h"
#include "LMIdentity.h"

#endif
