// A program seals merged memory (mseal) and then tries what sealing forbids and what it allows: every call must answer as on
// memory that was sealed and never marked, and discarded pages must read as zeros.
#include "case.h"
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
enum { pages = 512, contents = 16, calls = 10 };
static const char *const names[calls] = {"munmap", "mprotect", "mremap that grows", "mremap that grows in place", "mremap that shrinks",
    "mmap with MAP_FIXED", "MADV_WIPEONFORK", "MADV_DONTFORK", "MADV_FREE", "MADV_DONTNEED"};

static long call(int number, char *memory) {
    switch (number) {
    case 0: return munmap(memory, 4 * PAGE);
    case 1: return mprotect(memory, 4 * PAGE, PROT_READ);
    case 2: return mremap(memory, pages * PAGE, (pages + 88) * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0;
    case 3: return mremap(memory, pages * PAGE, (pages + 1) * PAGE, 0) == MAP_FAILED ? -1 : 0;
    case 4: return mremap(memory, pages * PAGE, (pages - 12) * PAGE, 0) == MAP_FAILED ? -1 : 0;
    case 5: return mmap(memory, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0;
    case 6: return madvise(memory, pages * PAGE, MADV_WIPEONFORK);
    case 7: return madvise(memory, pages * PAGE, MADV_DONTFORK);
    case 8: return madvise(memory + 64 * PAGE, 64 * PAGE, MADV_FREE);
    default: return madvise(memory, 64 * PAGE, MADV_DONTNEED);
    }
}

int main(void) {
    char *marked = region(pages, contents), *never = map_pages(pages);
    fill(never, pages, contents);
    merged_or_plain(marked, pages);
    if (syscall(SYS_mseal, never, pages * PAGE, 0)) skip("mseal: %s", strerror(errno));
    if (syscall(SYS_mseal, marked, pages * PAGE, 0)) wrong("mseal of merged memory: %s", strerror(errno));
    nap(seconds_to_try(1));
    for (int i = 0; i < calls; i++) {
        errno = 0;
        int expected = call(i, never) ? errno : 0, got = (errno = 0, call(i, marked)) ? errno : 0;
        if (got != expected) wrong("%s of sealed memory: '%s' instead of '%s'", names[i], strerror(got), strerror(expected));
    }
    for (size_t i = 0; i < 64; i++)
        if (marked[i * PAGE] != never[i * PAGE]) wrong("MADV_DONTNEED of sealed memory returned 0 and left the content");
    if (wrong_pages(marked + 128 * PAGE, pages - 128, contents)) wrong("content changed");
    return 0;
}
