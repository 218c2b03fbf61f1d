#ifndef SAMEPAGE_LM_PAGEMAP_H
#define SAMEPAGE_LM_PAGEMAP_H

#include "LMFiles.h"

/// Bits of an entry of /proc/PID/pagemap.
static const uint64_t LM_PAGEMAP_UFFD_WP = 1ull << 57;
static const uint64_t LM_PAGEMAP_FILE = 1ull << 61;
static const uint64_t LM_PAGEMAP_SWAPPED = 1ull << 62;
static const uint64_t LM_PAGEMAP_PRESENT = 1ull << 63;
/// "Mapped by this process alone", as the kernel estimates it.
static const uint64_t LM_PAGEMAP_EXCLUSIVE = 1ull << 56;

static inline int lm_open_pagemap(void) { return lm_open("/proc/self/pagemap", LM_O_RDONLY); }

/// Opens this process's memory for reading, whatever its protection. The kernel's name for it is the calling thread's.
static inline int lm_open_memory(void) { return lm_open("/proc/thread-self/mem", LM_O_RDONLY); }

/// Reads the entries of `count` pages; the number of entries read, or minus the error number.
static inline long lm_pagemap(int descriptor, uintptr_t address, long count, size_t page_size, uint64_t *entries) {
    long bytes = lm_pread(descriptor, entries, (size_t)count * 8, (int64_t)(address / page_size * 8));
    return bytes < 0 ? bytes : bytes / 8;
}

/// What PAGEMAP_SCAN says of a page (Linux 6.7).
static const uint64_t LM_PAGE_WPALLOWED = 1 << 0;
static const uint64_t LM_PAGE_WRITTEN = 1 << 1;
static const uint64_t LM_PAGE_FILE = 1 << 2;
static const uint64_t LM_PAGE_PRESENT = 1 << 3;
static const uint64_t LM_PAGE_SWAPPED = 1 << 4;
static const uint64_t LM_PAGE_PFNZERO = 1 << 5;
static const uint64_t LM_PAGE_HUGE = 1 << 6;

static const uint64_t LM_SCAN_WP_MATCHING = 1 << 0;
static const uint64_t LM_SCAN_CHECK_WPASYNC = 1 << 1;

/// Neighbouring pages of the same categories.
struct lm_page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

/// The argument of PAGEMAP_SCAN.
struct lm_scan {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    /// Filled in: where the walk ended.
    uint64_t walk_end;
    uint64_t regions;
    uint64_t region_capacity;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

/// PAGEMAP_SCAN: the number of regions filled in, or minus the error number.
static inline long lm_pagemap_scan(int descriptor, struct lm_scan *scan) {
    scan->size = sizeof *scan;
    return lm_ioctl(descriptor, LM_IOWR('f', 16, sizeof *scan), scan);
}

#endif
