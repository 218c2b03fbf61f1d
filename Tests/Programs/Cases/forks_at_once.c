// Children of all kinds, at once after the fork, use merged memory in ways that need it to be their own.
#include "case.h"
#include <pty.h>
#include <sys/syscall.h>
static char *m;
static int work(void) {
    if (wrong_pages(m, 512, 16)) return 1;
    if (mlock(m, 8 * PAGE) && errno != EPERM && errno != ENOMEM) return 2;
    munlock(m, 8 * PAGE);
    if (madvise(m + 16 * PAGE, 16 * PAGE, MADV_WIPEONFORK)) return 3;
    if (madvise(m + 16 * PAGE, 16 * PAGE, MADV_KEEPONFORK)) return 4;
    char *d = mremap(m + 64 * PAGE, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    if (d == MAP_FAILED) return 5;
    if (m[64 * PAGE] || wrong_pages(d, 16, 16)) return 6;
    char *g = mremap(m + 128 * PAGE, 16 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    if (g == MAP_FAILED || wrong_pages(g, 16, 16) || g[20 * PAGE]) return 7;
    if (madvise(m + 256 * PAGE, 64 * PAGE, MADV_DONTNEED) || m[256 * PAGE] || m[300 * PAGE]) return 8;
    if (mprotect(m + 320 * PAGE, PAGE, PROT_NONE) || munmap(m + 400 * PAGE, 50 * PAGE)) return 9;
    if (madvise(m + 340 * PAGE, 16 * PAGE, MADV_UNMERGEABLE)) return getenv("SAMEPAGE_SOCKET") ? 10 : 0;
    return 0;
}
static int body(void *x) { _exit(work()); }
static void *thread(void *x) { pid_t c = fork(); if (!c) _exit(work()); expect_exit("fork in a thread", status_of(c, 8), 0); return NULL; }
int main(void) {
    m = region(512, 16);
    merged_or_plain(m, 512);
    pid_t c;
    if (!(c = fork())) _exit(work());
    expect_exit("fork", status_of(c, 8), 0);
    if (!(c = fork())) { pid_t d = fork(); if (!d) _exit(work()); expect_exit("grandchild", status_of(d, 8), 0); _exit(work()); }
    expect_exit("child", status_of(c, 12), 0);
    int t;
    if (!(c = forkpty(&t, NULL, NULL, NULL))) _exit(work());
    if (c > 0) expect_exit("forkpty", status_of(c, 8), 0);
    if (!(c = fork())) { if (daemon(1, 1)) _exit(1); _exit(work()); }
    expect_exit("daemon", status_of(c, 8), 0);
    pthread_t th;
    pthread_create(&th, NULL, thread, NULL);
    pthread_join(th, NULL);
    if (!(c = vfork())) _exit(wrong_pages(m, 512, 16) != 0);
    expect_exit("vfork", status_of(c, 8), 0);
    if (wrong_pages(m, 512, 16)) wrong("pages");
    (void)body;
    return 0;
}
