// A forked child ends merging of memory that its parent has protected since it merged: nothing of it is shared any more.
#include "case.h"
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
enum { pages = 256, part = 32, contents = 4 };

static _Noreturn void end_merging(char *memory, bool by_advice) {
    int result = by_advice ? madvise(memory, pages * PAGE, MADV_UNMERGEABLE) : prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
    if (result) wrong("%s: %s", by_advice ? "MADV_UNMERGEABLE" : "PR_SET_MEMORY_MERGE", strerror(errno));
    mprotect(memory, pages * PAGE, PROT_READ | PROT_WRITE);
    size_t frames = frames_in(memory, pages);
    if (under_samepage() && frames) wrong("%s leaves %zu frames", by_advice ? "MADV_UNMERGEABLE" : "PR_SET_MEMORY_MERGE 0", frames);
    if (wrong_pages(memory, pages, contents)) wrong("content changed");
    _exit(0);
}

int main(void) {
    if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0)) skip("PR_SET_MEMORY_MERGE: %s", strerror(errno));
    for (int round = 0; round < 4; round++) {
        char *memory = map_pages(pages);
        fill(memory, pages, contents);
        merged_or_plain(memory, pages);
        mprotect(memory + part * PAGE, part * PAGE, PROT_READ);
        mprotect(memory + 3 * part * PAGE, part * PAGE, PROT_NONE);
        pid_t child = fork();
        if (!child) end_merging(memory, round % 2);
        expect_exit("the child", status_of(child, 10), 0);
        munmap(memory, pages * PAGE);
    }
    return 0;
}
