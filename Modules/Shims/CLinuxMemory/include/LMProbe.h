#ifndef SAMEPAGE_LM_PROBE_H
#define SAMEPAGE_LM_PROBE_H

#include "LMFiles.h"
#include "LMSystemCall.h"

/// Bytes of the capabilities that a file gives to who executes it (getxattr); below 0 for none.
static inline long lm_capabilities_size(const char *path) {
    return lm_system_call(SYS_getxattr, (long)path, (long)"security.capability", 0, 0, 0, 0);
}

/// Whether a program may be executed with these arguments and variables, without doing it (AT_EXECVE_CHECK, Linux
/// 6.14): 0 it may, as far as can be said before its file is read; or minus the error number, EINVAL on older kernels.
static inline int lm_check_execution(const char *path, char *const *arguments, char *const *variables) {
    return (int)lm_system_call(SYS_execveat, -100, (long)path, (long)arguments, (long)variables, 0x10000, 0);
}

/// Whether a seccomp filter lets a process live that makes the agent's system calls: tried in a child, which makes each
/// of them in a way that does nothing, and ends. 1 it lives, 0 it was killed, or minus the error number.
static inline int lm_agent_calls_survive(void) {
    // clone(SIGCHLD): a copy of this thread alone, which uses nothing but system calls.
    long child = lm_system_call(SYS_clone, 17, 0, 0, 0, 0, 0);
    if (child < 0) return (int)child;
    if (child == 0) {
        long none[2] = {0, 0};
        lm_system_call(SYS_userfaultfd, LM_O_CLOEXEC | LM_O_NONBLOCK, 0, 0, 0, 0, 0);
        lm_system_call(SYS_socket, 1, 5 | LM_O_CLOEXEC, 0, 0, 0, 0);
        lm_system_call(SYS_connect, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_sendmsg, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_recvmsg, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_setsockopt, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_getsockopt, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_newfstatat, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_readlinkat, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_fstatfs, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_ioctl, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_openat, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_pread64, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_fcntl, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_getdents64, -1, 0, 0, 0, 0, 0);
        // Unknown flags: refused before anything is closed.
        lm_system_call(SYS_close_range, 1, 0, 0x80, 0, 0, 0);
        lm_system_call(SYS_signalfd4, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_ppoll, 0, 0, (long)none, 0, 8, 0);
        lm_system_call(SYS_tgkill, -1, -1, 0, 0, 0, 0);
        lm_system_call(SYS_futex, 0, -1, 0, 0, 0, 0);
        lm_system_call(SYS_prctl, -1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_mremap, 1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_madvise, 1, 0, 0, 0, 0, 0);
        lm_system_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
    }
    int status = 0;
    long result;
    do {
        result = lm_system_call(SYS_wait4, child, (long)&status, 0, 0, 0, 0);
    } while (result == -LM_EINTR);
    return result < 0 ? (int)result : status == 0;
}

#endif
