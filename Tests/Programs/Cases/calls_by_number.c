// Calls by number with dirty upper halves of int registers, and wrong arguments, on merged memory.
#include "case.h"
#define D(x) ((long)0xdead000000000000 | (unsigned)(x))
int main(void) {
    char *m = region(512, 16);
    merged_or_plain(m, 512);
    if (syscall(SYS_madvise, m, 16 * PAGE, D(MADV_DONTNEED)) || m[0]) wrong("madvise");
    if (syscall(SYS_mprotect, m + 16 * PAGE, 16 * PAGE, 1L)) wrong("mprotect");
    struct iovec v = {m + 32 * PAGE, 16 * PAGE};
    if (syscall(SYS_process_madvise, D(-10001), &v, 1L, D(MADV_DONTNEED), D(0)) != 16 * (long)PAGE || m[33 * PAGE]) wrong("process_madvise: %s", strerror(errno));
    int pf = syscall(SYS_pidfd_open, D(getpid()), D(0));
    v.iov_base = m + 48 * PAGE;
    if (syscall(SYS_process_madvise, D(pf), &v, 1L, D(MADV_DONTNEED), D(0)) != 16 * (long)PAGE || m[49 * PAGE]) wrong("process_madvise by descriptor: %s", strerror(errno));
    if (syscall(SYS_unshare, 0L)) wrong("unshare");
    if (syscall(SYS_prctl, D(PR_SET_NAME), "a", 0, 0, 0)) wrong("prctl");
    struct rlimit l;
    if (syscall(SYS_prlimit64, D(0), D(RLIMIT_CORE), NULL, &l)) wrong("prlimit: %s", strerror(errno));
    void *q = (void *)syscall(SYS_mmap, m + 64 * PAGE, 16 * PAGE, 3L, (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), D(-1), 0L);
    if (q != m + 64 * PAGE || m[65 * PAGE]) wrong("mmap");
    int n, p[2];
    if (pipe(p) || syscall(SYS_ioctl, D(p[0]), D(0x541B), &n)) wrong("ioctl");
    struct iovec w = {m + 100 * PAGE, PAGE};
    if (syscall(SYS_vmsplice, D(p[1]), &w, 1L, D(0)) != (long)PAGE) wrong("vmsplice: %s", strerror(errno));
    char b[PAGE], e[PAGE];
    fill_page(e, 100 % 16);
    if (read(p[0], b, PAGE) != (long)PAGE || memcmp(b, e, PAGE)) wrong("vmsplice content");
    int mode;
    syscall(SYS_get_mempolicy, &mode, NULL, 0L, m + 200 * PAGE, 2L);
    if (mode) wrong("policy %d", mode);
    int st = 5; void *pg = m + 200 * PAGE;
    if (syscall(SYS_move_pages, D(0), 1L, &pg, NULL, &st, D(0)) || st) wrong("move_pages: %d", st);
    if (syscall(SYS_close, D(p[0]))) wrong("close");
    if (syscall(SYS_close, D(p[0])) != -1 || errno != EBADF) wrong("close twice");
    if (syscall(SYS_openat, D(AT_FDCWD), "/dev/null", D(O_RDONLY)) < 0) wrong("openat: %s", strerror(errno));
    if (wrong_pages(m + 256 * PAGE, 256, 16)) wrong("pages");
    return 0;
}
