#include "Variants.h"

#if defined(__x86_64__)
// The headers that xxhash.h needs come first: their functions choose their own instructions.
#include <immintrin.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define XXH_INLINE_ALL
#define XXH_VECTOR 2
#include <xxhash.h>

struct samepage_xxh3 samepage_xxh3_avx2(const void *data, size_t size) {
    XXH128_hash_t hash = XXH3_128bits(data, size);
    return (struct samepage_xxh3){hash.low64, hash.high64};
}
#pragma clang attribute pop
#endif
