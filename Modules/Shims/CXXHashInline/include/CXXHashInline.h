/// XXH3 for the agent, which may not load libxxhash: the header's code (BSD 2-Clause), compiled in.
#ifndef SAMEPAGE_CXXHASHINLINE_H
#define SAMEPAGE_CXXHASHINLINE_H

#include <stddef.h>
#include <stdint.h>

/// The two halves of a 128-bit digest.
struct samepage_xxh3 {
    uint64_t low, high;
};

/// A function that takes XXH3_128bits (seed 0) of bytes.
typedef struct samepage_xxh3 (*samepage_xxh3_function)(const void *data, size_t size);

/// The fastest variant for this processor; all give the same digests. Calls nothing outside, allocates nothing.
__attribute__((visibility("hidden"))) samepage_xxh3_function samepage_xxh3_choose(void);

#endif
