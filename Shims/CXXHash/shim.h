// libxxhash (BSD 2-Clause), the fastest variant of the machine chosen at run time where the library offers it.
#ifndef SAMEPAGE_CXXHASH_SHIM_H
#define SAMEPAGE_CXXHASH_SHIM_H

#include <xxhash.h>

#if defined(__x86_64__)
XXH128_hash_t XXH3_128bits_dispatch(const void *data, size_t len);
XXH64_hash_t XXH3_64bits_dispatch(const void *data, size_t len);
#define SAMEPAGE_XXH3_128(data, len) XXH3_128bits_dispatch(data, len)
#else
#define SAMEPAGE_XXH3_128(data, len) XXH3_128bits(data, len)
#endif

static inline XXH128_hash_t samepage_xxh3_128(const void *data, size_t len)
{
    return SAMEPAGE_XXH3_128(data, len);
}

#endif
