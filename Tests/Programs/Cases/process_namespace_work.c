// After unshare(CLONE_NEWPID), where no threads can be started, a program changes its merged memory in all ways.
#include "case.h"
int main(void) {
    char *m = region(1024, 16);
    merged_or_plain(m, 1024);
    if (unshare(CLONE_NEWPID)) skip("unshare: %s", strerror(errno));
    if (wrong_pages(m, 1024, 16)) wrong("pages");
    if (mlock(m, 16 * PAGE)) wrong("mlock %s", strerror(errno));
    if (munlock(m, 16 * PAGE)) wrong("munlock %s", strerror(errno));
    if (madvise(m + 16 * PAGE, 16 * PAGE, MADV_UNMERGEABLE)) wrong("unm %s", strerror(errno));
    if (madvise(m + 32 * PAGE, 16 * PAGE, MADV_WIPEONFORK)) wrong("wipe %s", strerror(errno));
    if (mprotect(m + 64 * PAGE, 16 * PAGE, PROT_READ)) wrong("mprotect %s", strerror(errno));
    if (madvise(m + 64 * PAGE, 32 * PAGE, MADV_DONTNEED)) wrong("dontneed %s", strerror(errno));
    for (int i = 0; i < 32; i++) if (m[(64 + i) * PAGE]) wrong("not zero");
    if (madvise(m + 100 * PAGE, 32 * PAGE, MADV_FREE)) wrong("free %s", strerror(errno));
    char *g = mremap(m + 256 * PAGE, 256 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
    if (g == MAP_FAILED) wrong("mremap %s", strerror(errno));
    if (wrong_pages(g, 256, 16)) wrong("moved");
    for (int i = 256; i < 300; i++) if (g[i * PAGE]) wrong("tail");
    char *d = mremap(m + 512 * PAGE, 256 * PAGE, 256 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    if (d == MAP_FAILED) wrong("dontunmap %s", strerror(errno));
    if (wrong_pages(d, 256, 16)) wrong("moved");
    for (int i = 0; i < 256; i++) if (m[(512 + i) * PAGE]) wrong("left");
    pid_t c = fork();
    if (!c) {
        if (getpid() != 1) _exit(3);
        if (wrong_pages(g, 256, 16)) _exit(4);
        for (int i = 0; i < 16; i++) if (m[(32 + i) * PAGE]) _exit(5);
        char *r = region(512, 16);
        nap(0.5);
        _exit(wrong_pages(r, 512, 16) ? 6 : 0);
    }
    expect_exit("child", status_of(c, 10), 0);
    if (munmap(m, 1024 * PAGE)) wrong("munmap %s", strerror(errno));
    return 0;
}
