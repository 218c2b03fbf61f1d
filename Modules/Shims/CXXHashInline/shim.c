#include "Variants.h"

#if defined(__x86_64__)
#include <cpuid.h>

/// Whether the processor has AVX2 and the system keeps its registers.
static int has_avx2(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

samepage_xxh3_function samepage_xxh3_choose(void) { return has_avx2() ? samepage_xxh3_avx2 : samepage_xxh3_plain; }
#else
samepage_xxh3_function samepage_xxh3_choose(void) { return samepage_xxh3_plain; }
#endif
