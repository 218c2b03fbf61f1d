// libxxhash (BSD 2-Clause), the fastest variant of the machine chosen at run time where the library offers it.
#ifndef SAMEPAGE_CXXHASH_SHIM_H
#define SAMEPAGE_CXXHASH_SHIM_H

#include <xxhash.h>

#if defined(__x86_64__)
XXH128_hash_t XXH3_128bits_withSeed_dispatch(const void *data, size_t len, XXH64_hash_t seed);
XXH64_hash_t XXH3_64bits_withSeed_dispatch(const void *data, size_t len, XXH64_hash_t seed);
#define SAMEPAGE_XXH3(bits, data, len, seed) XXH3_##bits##bits_withSeed_dispatch(data, len, seed)
#else
#define SAMEPAGE_XXH3(bits, data, len, seed) XXH3_##bits##bits_withSeed(data, len, seed)
#endif

static inline XXH128_hash_t samepage_xxh3_128(const void *data, size_t len, uint64_t seed)
{
    return SAMEPAGE_XXH3(128, data, len, seed);
}

static inline uint64_t samepage_xxh3_64(const void *data, size_t len, uint64_t seed)
{
    return SAMEPAGE_XXH3(64, data, len, seed);
}

static inline uint64_t samepage_xxh64(const void *data, size_t len, uint64_t seed) { return XXH64(data, len, seed); }

static inline uint32_t samepage_xxh32(const void *data, size_t len, uint32_t seed) { return XXH32(data, len, seed); }

#endif
