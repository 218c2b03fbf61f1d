#include "Variants.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

struct samepage_xxh3 samepage_xxh3_plain(const void *data, size_t size) {
    XXH128_hash_t hash = XXH3_128bits(data, size);
    return (struct samepage_xxh3){hash.low64, hash.high64};
}
