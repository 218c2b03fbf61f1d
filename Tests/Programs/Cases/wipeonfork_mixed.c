// MADV_WIPEONFORK and MREMAP_DONTUNMAP on merged memory whose parts have different protection or advice. Both must succeed
// as they do on memory that was never marked, and a child must find zeros.
#include "case.h"
enum { pages = 512, contents = 16 };

static void wipe(const char *what, char *memory) {
    if (madvise(memory, pages * PAGE, MADV_WIPEONFORK)) wrong("MADV_WIPEONFORK %s: %s", what, strerror(errno));
    pid_t child = fork();
    if (!child) {
        for (size_t i = 0; i < pages; i++) if (memory[i * PAGE]) wrong("MADV_WIPEONFORK %s: a child sees the content", what);
        _exit(0);
    }
    expect_exit("the child", status_of(child, 5), 0);
    if (wrong_pages(memory, pages, contents)) wrong("MADV_WIPEONFORK %s: content changed", what);
}

int main(void) {
    char *memory[4];
    for (int i = 0; i < 4; i++) memory[i] = region(pages, contents);
    for (int i = 0; i < 4; i++) merged_or_plain(memory[i], pages);
    mprotect(memory[0], pages / 2 * PAGE, PROT_READ);
    wipe("after mprotect of half", memory[0]);
    madvise(memory[1], pages / 2 * PAGE, MADV_DONTDUMP);
    wipe("after MADV_DONTDUMP of half", memory[1]);
    madvise(memory[2], pages / 2 * PAGE, MADV_NOHUGEPAGE);
    wipe("after MADV_NOHUGEPAGE of half", memory[2]);
    mprotect(memory[3], pages * PAGE, PROT_READ);
    wipe("of read-only memory", memory[3]);
    char *moved = mremap(memory[3], pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (moved == MAP_FAILED) wrong("MREMAP_DONTUNMAP of read-only memory: %s", strerror(errno));
    if (wrong_pages(moved, pages, contents)) wrong("MREMAP_DONTUNMAP: content changed");
    return 0;
}
