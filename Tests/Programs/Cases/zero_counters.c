// While nothing is scanned (pages_to_scan 0, or 'run' 0) a program ends merging of half its merged pages of zeros, and then
// writes to the other half. ksm_zero_pages must follow at once, as the kernel's does.
#include "case.h"
enum { pages = 512 };

static void check(const char *name, const char *value, const char *after) {
    char *memory = map_pages(pages);
    madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
    memset(memory, 0, pages * PAGE);
    mark(memory, pages);
    nap(seconds_to_try(2));
    samepage_set(name, value);
    nap(seconds_to_try(0.3));
    if (under_samepage()) {
        long before = samepage_get("ksm_zero_pages");
        if (before < pages) wrong("ksm_zero_pages is only %ld with %d pages of zeros", before, pages);
        if (madvise(memory, pages / 2 * PAGE, MADV_UNMERGEABLE)) wrong("MADV_UNMERGEABLE: %s", strerror(errno));
        nap(1);
        long half = samepage_get("ksm_zero_pages");
        if (half > before - pages / 2) wrong("%s %s: %d pages are unmergeable, but ksm_zero_pages went from %ld to %ld", name, value, pages / 2, before, half);
        for (int i = pages / 2; i < pages; i++) memory[i * PAGE] = 1;
        nap(1);
        long none = samepage_get("ksm_zero_pages");
        if (none > before - pages) wrong("%s %s: %d pages were written, but ksm_zero_pages went from %ld to %ld", name, value, pages / 2, half, none);
    }
    samepage_set(name, after);
    munmap(memory, pages * PAGE);
}

int main(void) {
    check("pages_to_scan", "0", "100000");
    check("run", "0", "1");
    return 0;
}
