#ifndef SAMEPAGE_LM_STATUS_H
#define SAMEPAGE_LM_STATUS_H

#include "LMSystemCall.h"
#include <sys/stat.h>
#include <time.h>

/// Bytes of memory or disk that a file takes, by the kernel's own account (st_blocks); or minus the error number.
static inline int64_t lm_stored_bytes(int descriptor) {
    struct stat status;
    long result = lm_system_call(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0);
    return result < 0 ? result : (int64_t)status.st_blocks * 512;
}

/// The links of an open file; 0 if it cannot say.
static inline long lm_link_count(int descriptor) {
    struct stat status;
    return lm_system_call(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0) < 0 ? 0 : (long)status.st_nlink;
}

/// Whether two descriptors are of one file.
static inline int lm_is_same_file(int one, int other) {
    struct stat first, second;
    return lm_system_call(SYS_fstat, one, (long)&first, 0, 0, 0, 0) == 0
           && lm_system_call(SYS_fstat, other, (long)&second, 0, 0, 0, 0) == 0 && first.st_dev == second.st_dev
           && first.st_ino == second.st_ino;
}

/// Reads entries of a directory (struct linux_dirent64); their bytes, 0 at the end, or minus the error number.
static inline long lm_getdents(int descriptor, void *buffer, size_t size) {
    return lm_system_call(SYS_getdents64, descriptor, (long)buffer, (long)size, 0, 0, 0);
}

/// A clock in nanoseconds.
static inline uint64_t lm_clock(int clock) {
    struct timespec time;
    clock_gettime((clockid_t)clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t lm_monotonic_nanoseconds(void) { return lm_clock(CLOCK_MONOTONIC); }

/// CPU time of the calling thread, in nanoseconds.
static inline uint64_t lm_thread_cpu_nanoseconds(void) { return lm_clock(CLOCK_THREAD_CPUTIME_ID); }

#endif
