// Advice for the whole address space answers as plainly, and what is mapped later merges all the same.
#include "case.h"
enum { pages = 256, contents = 8 };

int main(void) {
    char *memory = map_pages(pages), *start = (char *)0x10000;
    size_t size = 0x7fffffffe000 - (uintptr_t)start;
    fill(memory, pages, contents);
    const int advice[] = {MADV_MERGEABLE, MADV_NORMAL, MADV_COLD, MADV_WILLNEED, MADV_DODUMP};
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        // Of mappings of the kernel's own some advice is refused.
        if (madvise(start, size, advice[i]) != -1 || (errno != ENOMEM && errno != EINVAL)) wrong("advice %d: %s", advice[i], strerror(errno));
    }
    merged_or_plain(memory, pages);
    if (msync(start, size, MS_ASYNC) != -1 || errno != ENOMEM) wrong("msync: %s", strerror(errno));
    madvise(start, size, MADV_UNMERGEABLE);
    if (frames_in(memory, pages)) wrong("%zu pages are frames after MADV_UNMERGEABLE of all", frames_in(memory, pages));
    if (wrong_pages(memory, pages, contents)) wrong("content changed");
    return 0;
}
