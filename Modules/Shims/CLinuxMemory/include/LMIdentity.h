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

/// Whose a file is, and who may change it.
struct lm_ownership {
    /// 0 or minus the error number.
    int error;
    /// Type and permission bits (st_mode).
    uint32_t mode;
    uint32_t user;
};

/// The owner of a path, of the link itself where it is one.
static inline struct lm_ownership lm_path_ownership(const char *path) {
    struct stat status;
    struct lm_ownership result = {0, 0, 0};
    result.error = (int)lm_system_call(SYS_newfstatat, -100, (long)path, (long)&status, 0x100, 0, 0);
    if (result.error < 0) return result;
    result.mode = status.st_mode;
    result.user = status.st_uid;
    return result;
}

/// The same of an open file.
static inline struct lm_ownership lm_file_ownership(int descriptor) {
    struct stat status;
    struct lm_ownership result = {0, 0, 0};
    result.error = (int)lm_system_call(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0);
    if (result.error < 0) return result;
    result.mode = status.st_mode;
    result.user = status.st_uid;
    return result;
}

/// Where a link leads (readlinkat): its bytes, without a zero, or minus the error number.
static inline long lm_read_link(const char *path, char *buffer, size_t size) {
    return lm_system_call(SYS_readlinkat, -100, (long)path, (long)buffer, (long)size, 0, 0);
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
