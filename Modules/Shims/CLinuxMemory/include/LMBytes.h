#ifndef SAMEPAGE_LM_BYTES_H
#define SAMEPAGE_LM_BYTES_H

#include "LMSystemCall.h"

/// memcmp: below, equal to or above 0.
static inline int lm_compare(const void *first, const void *second, size_t size) {
    return __builtin_memcmp(first, second, size);
}

static inline void lm_copy(void *to, const void *from, size_t size) { __builtin_memcpy(to, from, size); }

static inline void lm_fill_zero(void *to, size_t size) { __builtin_memset(to, 0, size); }

/// Whether all bytes are 0; `size` is a multiple of 128, the address of 8.
static inline int lm_is_zero(const void *bytes, size_t size) {
    const uint64_t *word = (const uint64_t *)bytes;
    const uint64_t *end = word + size / 8;
    for (; word < end; word += 16) {
        uint64_t any = 0;
        for (int i = 0; i < 16; i++) any |= word[i];
        if (any) return 0;
    }
    return 1;
}

/// Asks the processor to fetch the first bytes of a page that is read next: its own prefetchers stop at page borders.
static inline void lm_prefetch(const void *page, size_t size) {
    for (size_t offset = 0; offset < size; offset += 64) __builtin_prefetch((const char *)page + offset);
}

#endif
