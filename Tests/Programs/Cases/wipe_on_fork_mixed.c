// Merged memory of which one half is advised MADV_NOHUGEPAGE, and a quarter can only be read, is advised MADV_WIPEONFORK: that needs no
// memory and no map entry plainly. The content stays, and a child reads zeros.
#include "case.h"
enum { pages = 512, contents = 16 };

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (madvise(memory, pages / 2 * PAGE, MADV_NOHUGEPAGE)) skip("MADV_NOHUGEPAGE: %s", strerror(errno));
    if (mprotect(memory, pages / 4 * PAGE, PROT_READ)) wrong("mprotect: %s", strerror(errno));
    if (madvise(memory, pages * PAGE, MADV_WIPEONFORK)) wrong("MADV_WIPEONFORK: %s", strerror(errno));
    if (wrong_pages(memory, pages, contents)) wrong("%zu pages have changed", wrong_pages(memory, pages, contents));
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < pages; i++) if (memory[i * PAGE]) wrong("a child reads what was to be wiped");
        _exit(0);
    }
    expect_exit("the child", status_of(child, 10), 0);
    return 0;
}
