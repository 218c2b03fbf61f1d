#ifndef SAMEPAGE_CXXHASHINLINE_VARIANTS_H
#define SAMEPAGE_CXXHASHINLINE_VARIANTS_H

#include "CXXHashInline.h"

/// For what every processor of the architecture has: SSE2, NEON.
__attribute__((visibility("hidden"))) struct samepage_xxh3 samepage_xxh3_plain(const void *data, size_t size);

#if defined(__x86_64__)
/// For processors with AVX2.
__attribute__((visibility("hidden"))) struct samepage_xxh3 samepage_xxh3_avx2(const void *data, size_t size);
#endif

#endif
