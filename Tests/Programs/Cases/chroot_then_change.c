// After chroot into an empty folder a program with merged memory forks; the parent discards a part, moves a part and unmaps the
// rest, the child discards and unmaps. All of that needs no file.
#include "case.h"
enum { pages = 512, contents = 16 };

static void zeros(const char *who, const char *start, size_t count) {
    for (size_t i = 0; i < count; i++) if (start[i * PAGE]) wrong("%s: discarded memory is not zero", who);
}

int main(void) {
    char *memory = region(pages, contents), folder[] = "empty.XXXXXX";
    merged_or_plain(memory, pages);
    if (!mkdtemp(folder) || chroot(folder) || chdir("/")) skip("chroot: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        if (wrong_pages(memory, pages, contents)) wrong("child: memory has changed");
        if (madvise(memory, 64 * PAGE, MADV_DONTNEED)) wrong("child: MADV_DONTNEED: %s", strerror(errno));
        zeros("child", memory, 64);
        if (munmap(memory + 64 * PAGE, 64 * PAGE)) wrong("child: munmap: %s", strerror(errno));
        _exit(wrong_pages(memory + 128 * PAGE, pages - 128, contents) != 0);
    }
    expect_exit("the child", status_of(child, 10), 0);
    if (madvise(memory, 64 * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
    zeros("parent", memory, 64);
    char *moved = mremap(memory + 128 * PAGE, 128 * PAGE, 256 * PAGE, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) wrong("mremap: %s", strerror(errno));
    if (wrong_pages(moved, 128, contents)) wrong("moved memory has changed");
    zeros("grown", moved + 128 * PAGE, 128);
    if (munmap(memory + 256 * PAGE, (pages - 256) * PAGE)) wrong("munmap: %s", strerror(errno));
    return 0;
}
