#ifndef SAMEPAGE_LM_FILES_H
#define SAMEPAGE_LM_FILES_H

#include "LMSystemCall.h"
#include <sys/vfs.h>

enum {
    LM_O_RDONLY = 0,
    LM_O_RDWR = 2,
    /// For neither reading nor writing, with the rights for both.
    LM_O_NO_ACCESS = 3,
    LM_O_NONBLOCK = 0x800,
    LM_O_CLOEXEC = 0x80000,
    /// Only to name the file.
    LM_O_PATH = 0x200000,
};

/// Opens a path (of this process's root), close-on-exec.
static inline int lm_open(const char *path, int flags) {
    return (int)lm_system_call(SYS_openat, -100, (long)path, flags | LM_O_CLOEXEC, 0, 0, 0);
}

static inline int lm_close(int descriptor) { return (int)lm_system_call(SYS_close, descriptor, 0, 0, 0, 0, 0); }

enum { LM_CLOSE_RANGE_UNSHARE = 2 };

/// close_range: with ``LM_CLOSE_RANGE_UNSHARE`` the calling thread gets a descriptor table of its own first.
static inline int lm_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)lm_system_call(SYS_close_range, first, last, flags, 0, 0, 0);
}

static inline long lm_read(int descriptor, void *buffer, size_t size) {
    return lm_system_call(SYS_read, descriptor, (long)buffer, (long)size, 0, 0, 0);
}

static inline long lm_pread(int descriptor, void *buffer, size_t size, int64_t offset) {
    return lm_system_call(SYS_pread64, descriptor, (long)buffer, (long)size, (long)offset, 0, 0);
}

static inline long lm_pwrite(int descriptor, const void *buffer, size_t size, int64_t offset) {
    return lm_system_call(SYS_pwrite64, descriptor, (long)buffer, (long)size, (long)offset, 0, 0);
}

/// One piece of a vector of bytes (struct iovec).
struct lm_piece {
    const void *base;
    size_t size;
};

static inline int lm_ftruncate(int descriptor, int64_t size) {
    return (int)lm_system_call(SYS_ftruncate, descriptor, (long)size, 0, 0, 0, 0);
}

enum {
    LM_FALLOC_KEEP_SIZE = 1,
    LM_FALLOC_PUNCH_HOLE = 2,
};

static inline int lm_fallocate(int descriptor, int mode, int64_t offset, int64_t size) {
    return (int)lm_system_call(SYS_fallocate, descriptor, mode, (long)offset, (long)size, 0, 0);
}

enum {
    LM_MFD_CLOEXEC = 1,
    LM_MFD_ALLOW_SEALING = 2,
    LM_MFD_NOEXEC_SEAL = 8,
};

static inline int lm_memfd_create(const char *name, unsigned flags) {
    return (int)lm_system_call(SYS_memfd_create, (long)name, flags, 0, 0, 0, 0);
}

enum {
    LM_SEAL_SEAL = 1,
    LM_SEAL_SHRINK = 2,
    LM_SEAL_GROW = 4,
    LM_SEAL_WRITE = 8,
    LM_SEAL_FUTURE_WRITE = 16,
};

/// fcntl(F_ADD_SEALS).
static inline int lm_add_seals(int descriptor, int seals) {
    return (int)lm_system_call(SYS_fcntl, descriptor, 1033, seals, 0, 0, 0);
}

/// fcntl(F_GET_SEALS).
static inline int lm_get_seals(int descriptor) {
    return (int)lm_system_call(SYS_fcntl, descriptor, 1034, 0, 0, 0, 0);
}

/// Whether the file of a descriptor lies in memory of pages of 4 KiB (tmpfs, as that of a plain memfd): huge pages of
/// the kind that must be reserved do not.
static inline int lm_is_in_plain_memory(int descriptor) {
    struct statfs volume;
    long result = lm_system_call(SYS_fstatfs, descriptor, (long)&volume, 0, 0, 0, 0);
    return result == 0 && volume.f_type == 0x01021994 && volume.f_bsize == 4096;
}

/// Whether a file is one of a /proc.
static inline int lm_is_of_proc(int descriptor) {
    struct statfs volume;
    return lm_system_call(SYS_fstatfs, descriptor, (long)&volume, 0, 0, 0, 0) == 0 && volume.f_type == 0x9fa0;
}

#endif
