// Merged memory is read-only, cannot be read at all, or is protected in stripes, when the program ends merging (MADV_UNMERGEABLE, PR_SET_MEMORY_MERGE 0)
// or 'run' becomes 2. No page may be shared any more afterwards, the call answers 0, and protection and content stay.
#include "case.h"
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
enum { pages = 256, contents = 16 };

// Of pages that may not be readable: those that the page map calls pages of a file, present or not known yet.
static size_t shared_in(const char *start) {
    int file = open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
    size_t shared = 0;
    for (size_t i = 0; i < pages; i++) {
        uint64_t entry = 0;
        if (pread(file, &entry, sizeof entry, ((uintptr_t)start / PAGE + i) * sizeof entry) != sizeof entry) continue;
        shared += !(entry >> 63) || (entry >> 61 & 1);
    }
    close(file);
    return shared;
}
static char *protected(int protection) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    mprotect(memory, pages / 2 * PAGE, protection);
    const int stripes[] = {PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE, PROT_WRITE};
    for (size_t i = pages / 2, n = 0; i < pages; i += 8, n++) mprotect(memory + i * PAGE, 8 * PAGE, stripes[n % 5]);
    return memory;
}
static void check(char *memory, const char *what) {
    size_t shared = 0;
    for (double end = now() + 2; (shared = shared_in(memory)) && under_samepage() && now() < end;) nap(0.1);
    if (shared && under_samepage()) wrong("%s left %zu of %d pages shared", what, shared, pages);
    unsigned char room;
    if (mincore(memory, PAGE, &room)) wrong("%s: nothing is mapped there", what);
    mprotect(memory, pages * PAGE, PROT_READ);
    if (wrong_pages(memory, pages, contents)) wrong("%s: %zu pages changed", what, wrong_pages(memory, pages, contents));
}
static int faults(char *memory) {
    int channel[2];
    if (pipe(channel)) return -1;
    int failed = write(channel[1], memory, 1) < 0;
    close(channel[0]), close(channel[1]);
    return failed;
}

int main(void) {
    char *none = protected(PROT_NONE), *read_only = protected(PROT_READ), *process = protected(PROT_NONE);
    if (madvise(none, pages * PAGE, MADV_UNMERGEABLE) && under_samepage()) wrong("MADV_UNMERGEABLE: %s", strerror(errno));
    if (!faults(none)) wrong("memory that could not be read can be after MADV_UNMERGEABLE");
    check(none, "MADV_UNMERGEABLE of PROT_NONE");
    samepage_set("run", "2");
    if (!faults(process)) wrong("memory that could not be read can be after 'run' 2");
    check(read_only, "'run' 2 with PROT_READ");
    check(process, "'run' 2 with PROT_NONE");
    samepage_set("run", "1");
    process = protected(PROT_NONE);
    if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) || prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0)) skip("PR_SET_MEMORY_MERGE: %s", strerror(errno));
    check(process, "PR_SET_MEMORY_MERGE 0 with PROT_NONE");
    return 0;
}
