// A program with merged memory limits its address space to 96 MiB more than it uses plainly, and maps 64 MiB: that fits. What it
// merged keeps its content and may be changed.
#include "case.h"
enum { pages = 2048, contents = 8 };

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    struct rlimit limit = {128 << 20, 128 << 20};
    if (setrlimit(RLIMIT_AS, &limit)) skip("RLIMIT_AS: %s", strerror(errno));
    char *more = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) wrong("8 MiB used, a limit of 128 MiB, 64 MiB more: %s", strerror(errno));
    mark(more, (64 << 20) / PAGE);
    if (wrong_pages(memory, pages, contents)) wrong("merged memory has changed");
    rewrite(memory, pages);
    nap(seconds_to_try(0.5));
    if (wrong_pages(memory, pages, contents)) wrong("rewritten memory has changed");
    if (madvise(memory, pages * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
    for (size_t i = 0; i < pages; i++) if (memory[i * PAGE]) wrong("discarded memory is not zero");
    if (munmap(memory, pages * PAGE)) wrong("munmap: %s", strerror(errno));
    return 0;
}
