// A program lists what it and its loader need and ends itself for all other calls, then starts a program: itself. That marks, changes
// and unmaps memory, and must not be ended.
#include "case.h"
int main(int count, char **arguments) {
    if (count > 1) {
        char *m = mmap(NULL, 64 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(m, 3, 64 * PAGE);
        madvise(m, 64 * PAGE, MADV_MERGEABLE);
        madvise(m, 8 * PAGE, MADV_DONTNEED);
        if (m[0]) _exit(5);
        mprotect(m, 8 * PAGE, 1);
        m = mremap(m + 16 * PAGE, 48 * PAGE, 100 * PAGE, 1);
        if (m == MAP_FAILED || m[0] != 3) _exit(6);
        munmap(m, 100 * PAGE);
        for (int i = 0; i < 100; i++) free(malloc(i * 10000));
        return 0;
    }
    static const int needed[] = {SYS_execve, SYS_brk, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_openat, SYS_read, SYS_pread64, SYS_fstat, SYS_newfstatat, SYS_close, SYS_access, SYS_madvise, SYS_mremap,
        SYS_arch_prctl, SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_prlimit64, SYS_getrandom, SYS_write, SYS_exit_group, SYS_exit, SYS_futex};
    pid_t child = fork();
    if (!child) {
        install_filter(needed, sizeof needed / sizeof *needed, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, 0);
        execv("/proc/self/exe", (char *[]){"case", "x", NULL});
        _exit(9);
    }
    expect_exit("a program behind an inherited filter", status_of(child, 10), 0);
    return 0;
}
