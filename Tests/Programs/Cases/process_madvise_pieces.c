// A program advises its own memory by process_madvise, several pieces at a time, also pieces that have merged. It must answer
// as on memory that was never marked, and discarded pages must read as zeros.
#include "case.h"
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
enum { pages = 512, contents = 16 };

static long advise(char *memory, int advice, unsigned flags) {
    int self = syscall(434, getpid(), 0);
    struct iovec pieces[2] = {{memory, 64 * PAGE}, {memory + 128 * PAGE, 32 * PAGE}};
    long result = syscall(SYS_process_madvise, self, pieces, 2UL, advice, flags);
    if (result < 0) result = -errno;
    close(self);
    return result;
}

int main(void) {
    char *never = map_pages(pages), *marked = region(pages, contents);
    fill(never, pages, contents);
    merged_or_plain(marked, pages);
    const int advices[] = {MADV_COLD, MADV_DONTFORK, MADV_DOFORK, MADV_DONTNEED, MADV_WILLNEED, 99};
    for (int i = 0; i < 6; i++)
        for (unsigned flags = 0; flags < 2; flags++) {
            long expected = advise(never, advices[i], flags), got = advise(marked, advices[i], flags);
            if (got != expected) wrong("advice %d, flags %u: %ld instead of %ld", advices[i], flags, got, expected);
        }
    if (memcmp(never, marked, pages * PAGE)) wrong("content differs");
    return 0;
}
