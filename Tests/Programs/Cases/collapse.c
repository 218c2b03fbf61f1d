// MADV_COLLAPSE on merged memory must answer as on memory that was never marked: it gets a huge page, and the content stays.
#include "case.h"
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
enum { pages = 512, contents = 8 };

static char *aligned(void) {
    uintptr_t start = (uintptr_t)map_pages(2 * pages), size = pages * PAGE;
    char *memory = (char *)((start + size - 1) / size * size);
    fill(memory, pages, contents);
    return memory;
}

int main(void) {
    char *never = aligned(), *marked = aligned();
    if (madvise(never, pages * PAGE, MADV_COLLAPSE)) skip("MADV_COLLAPSE: %s", strerror(errno));
    mark(marked, pages);
    merged_or_plain(marked, pages);
    if (madvise(marked, pages * PAGE, MADV_COLLAPSE)) wrong("MADV_COLLAPSE of merged memory: %s", strerror(errno));
    if (wrong_pages(marked, pages, contents)) wrong("MADV_COLLAPSE changed %zu pages", wrong_pages(marked, pages, contents));
    return 0;
}
