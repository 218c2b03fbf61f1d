#ifndef SAMEPAGE_LM_IDENTITY_H
#define SAMEPAGE_LM_IDENTITY_H

#include "LMFiles.h"
#include <sys/stat.h>
#include <time.h>

/// Which file a descriptor leads to.
struct lm_identity {
    /// 0 or minus the error number.
    int error;
    /// Whether it is a regular file (a memfd is one).
    int is_regular;
    uint64_t device, inode;
    /// In bytes.
    int64_t size;
};

static inline struct lm_identity lm_file_identity(int descriptor) {
    struct stat status;
    struct lm_identity result = {0, 0, 0, 0, 0};
    long error = lm_system_call(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0);
    if (error < 0) {
        result.error = (int)error;
        return result;
    }
    result.is_regular = (status.st_mode & S_IFMT) == S_IFREG;
    result.device = status.st_dev;
    result.inode = status.st_ino;
    result.size = status.st_size;
    return result;
}

/// Type and permission bits of a path (st_mode); or minus the error number.
static inline long lm_file_mode(const char *path) {
    struct stat status;
#if defined(__x86_64__)
    long error = lm_system_call(SYS_stat, (long)path, (long)&status, 0, 0, 0, 0);
#else
    long error = lm_system_call(SYS_newfstatat, -100, (long)path, (long)&status, 0, 0, 0);
#endif
    return error < 0 ? error : (long)status.st_mode;
}

static inline uint32_t lm_real_user(void) { return (uint32_t)lm_system_call(SYS_getuid, 0, 0, 0, 0, 0, 0); }
static inline uint32_t lm_effective_user(void) { return (uint32_t)lm_system_call(SYS_geteuid, 0, 0, 0, 0, 0, 0); }

/// Opens a path below an open directory, for reading, close-on-exec.
static inline int lm_open_below(int directory, const char *path) {
    return (int)lm_system_call(SYS_openat, directory, (long)path, 0x80000, 0, 0, 0);
}

/// A clock in nanoseconds, straight from the kernel: programs under test replace the functions of libc.
static inline uint64_t lm_kernel_clock(int clock) {
    struct timespec time = {0, 0};
    lm_system_call(SYS_clock_gettime, clock, (long)&time, 0, 0, 0, 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

enum { LM_ESRCH = 3 };

enum {
    LM_CLOCK_MONOTONIC = 1,
    LM_CLOCK_PROCESS_CPU = 2,
    LM_CLOCK_THREAD_CPU = 3,
};

#endif
