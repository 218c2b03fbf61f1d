#ifndef SAMEPAGE_LM_MEMORY_H
#define SAMEPAGE_LM_MEMORY_H

#include "LMSystemCall.h"
#include <sys/auxv.h>

/// Bytes in a page, as the kernel told the program at its start.
static inline size_t lm_page_size(void) { return getauxval(AT_PAGESZ); }

enum {
    LM_PROT_NONE = 0,
    LM_PROT_READ = 1,
    LM_PROT_WRITE = 2,
};

enum {
    LM_MAP_SHARED = 0x01,
    LM_MAP_PRIVATE = 0x02,
    LM_MAP_FIXED = 0x10,
    LM_MAP_ANONYMOUS = 0x20,
    LM_MAP_NORESERVE = 0x4000,
    LM_MAP_FIXED_NOREPLACE = 0x100000,
};

/// mmap: the address, or minus the error number (the last 4095 values; see ``lm_is_error``).
static inline intptr_t lm_mmap(
    uintptr_t address, size_t size, int protection, int flags, int descriptor, int64_t offset) {
    return lm_system_call(SYS_mmap, (long)address, (long)size, protection, flags, descriptor, (long)offset);
}

/// Whether a result of ``lm_mmap`` or ``lm_mremap`` is minus an error number.
static inline int lm_is_error(intptr_t result) { return (uintptr_t)result > (uintptr_t)-4096; }

static inline int lm_munmap(uintptr_t address, size_t size) {
    return (int)lm_system_call(SYS_munmap, (long)address, (long)size, 0, 0, 0, 0);
}

static inline int lm_mprotect(uintptr_t address, size_t size, int protection) {
    return (int)lm_system_call(SYS_mprotect, (long)address, (long)size, protection, 0, 0, 0);
}

enum {
    LM_MREMAP_MAYMOVE = 1,
    LM_MREMAP_FIXED = 2,
    LM_MREMAP_DONTUNMAP = 4,
};

/// mremap: the new address, or minus the error number (see ``lm_is_error``).
static inline intptr_t lm_mremap(uintptr_t old, size_t old_size, size_t new_size, int flags, uintptr_t address) {
    return lm_system_call(SYS_mremap, (long)old, (long)old_size, (long)new_size, flags, (long)address, 0);
}

enum {
    LM_MADV_DONTNEED = 4,
    LM_MADV_FREE = 8,
    LM_MADV_DONTFORK = 10,
    LM_MADV_DOFORK = 11,
    LM_MADV_MERGEABLE = 12,
    LM_MADV_UNMERGEABLE = 13,
    LM_MADV_HUGEPAGE = 14,
    LM_MADV_NOHUGEPAGE = 15,
    LM_MADV_DONTDUMP = 16,
    LM_MADV_DODUMP = 17,
    LM_MADV_PAGEOUT = 21,
    LM_MADV_POPULATE_READ = 22,
    LM_MADV_POPULATE_WRITE = 23,
};

static inline int lm_madvise(uintptr_t address, size_t size, int advice) {
    return (int)lm_system_call(SYS_madvise, (long)address, (long)size, advice, 0, 0, 0);
}

/// mincore: one byte for each page; minus ENOMEM when a part of the range is not mapped.
static inline int lm_mincore(uintptr_t address, size_t size, unsigned char *vector) {
    return (int)lm_system_call(SYS_mincore, (long)address, (long)size, (long)vector, 0, 0, 0);
}

#endif
