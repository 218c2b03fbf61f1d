#ifndef SAMEPAGE_LM_FILTER_H
#define SAMEPAGE_LM_FILTER_H

#include "LMFiles.h"
#include "LMProgramCalls.h"

/// Filters of system calls (seccomp), and the calls that the agent makes in a program.

/// An instruction of a filter (struct sock_filter).
struct lm_filter_instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};

/// A filter as a program hands it to the kernel (struct sock_fprog).
struct lm_filter {
    uint16_t count;
    const struct lm_filter_instruction *instructions;
};

enum {
    LM_SYS_SECCOMP = SYS_seccomp,
    LM_PR_SET_SECCOMP = 22,
    LM_SECCOMP_MODE_STRICT = 1,
    LM_SECCOMP_MODE_FILTER = 2,
    /// Operations of seccomp.
    LM_SECCOMP_SET_STRICT = 0,
    LM_SECCOMP_SET_FILTER = 1,
#if defined(__x86_64__)
    /// What a filter finds as the machine (AUDIT_ARCH), less its two highest bits.
    LM_AUDIT_MACHINE = 62,
#else
    LM_AUDIT_MACHINE = 183,
#endif
};
static const uint32_t LM_AUDIT_ARCH = 0xC0000000u | LM_AUDIT_MACHINE;
static const uint32_t LM_SECCOMP_ALLOW = 0x7fff0000u;
/// SECCOMP_RET_ERRNO with ENOSYS.
static const uint32_t LM_SECCOMP_MISSING = 0x00050000u | LM_ENOSYS;

/// A call that the agent makes, in its own thread or within a call of the program.
struct lm_own_call {
    uint16_t number;
    /// The argument that always has the same value, from 0; -1 for none.
    int8_t argument;
    /// 1: the caller goes on where the kernel says that it does not know the call.
    uint8_t may_be_missing;
    uint32_t value;
};

#define LM_CALL(name) {SYS_##name, -1, 0, 0}
#define LM_CALL_WITH(name, argument, value) {SYS_##name, argument, 0, value}

/// All of them, with those that libc makes to start and end a thread. Whoever has the agent make another call adds it.
static const struct lm_own_call lm_own_calls[] = {
    LM_CALL(rt_sigprocmask), LM_CALL(futex), LM_CALL(tgkill), LM_CALL(getpid), LM_CALL(gettid), LM_CALL(getuid),
    LM_CALL(geteuid), LM_CALL(sched_yield), LM_CALL(clock_gettime), LM_CALL(prlimit64),
    // Memory.
    LM_CALL_WITH(mmap, 2, 0), LM_CALL_WITH(mmap, 2, 1), LM_CALL_WITH(mmap, 2, 3), LM_CALL(munmap), LM_CALL(mremap),
    LM_CALL(madvise), LM_CALL_WITH(mprotect, 2, 0), LM_CALL_WITH(mprotect, 2, 1), LM_CALL_WITH(mprotect, 2, 3),
    LM_CALL(msync), LM_CALL(mincore), LM_CALL(get_mempolicy), LM_CALL(userfaultfd),
    LM_CALL_WITH(ioctl, 1, LM_IO(0xAA, 0)), LM_CALL_WITH(ioctl, 1, LM_IOWR(0xAA, 0x3F, 24)),
    LM_CALL_WITH(ioctl, 1, LM_IOWR(0xAA, 0x00, 32)), LM_CALL_WITH(ioctl, 1, LM_IOR(0xAA, 0x01, 16)),
    LM_CALL_WITH(ioctl, 1, LM_IOR(0xAA, 0x02, 16)), LM_CALL_WITH(ioctl, 1, LM_IOWR(0xAA, 0x06, 24)),
    LM_CALL_WITH(ioctl, 1, LM_IOWR(0xAA, 0x03, 40)), LM_CALL_WITH(ioctl, 1, LM_IOWR(0xAA, 0x05, 40)),
    LM_CALL_WITH(ioctl, 1, LM_IOWR('f', 16, 96)), LM_CALL_WITH(ioctl, 1, LM_IOWR('f', 17, 104)),
    // Files.
    LM_CALL(openat), LM_CALL(read), LM_CALL(pread64), LM_CALL(pwrite64), LM_CALL(close), LM_CALL(close_range),
    LM_CALL(fcntl), LM_CALL(fstat), LM_CALL(fstatfs), LM_CALL(faccessat), LM_CALL(newfstatat), LM_CALL(getdents64),
    LM_CALL(readlinkat), LM_CALL(fallocate), LM_CALL(lseek), LM_CALL(signalfd4), LM_CALL(eventfd2), LM_CALL(ppoll),
#if defined(__x86_64__)
    LM_CALL(stat),
#endif
    LM_CALL_WITH(socket, 0, 1), LM_CALL(connect), LM_CALL(getsockopt), LM_CALL(sendmsg), LM_CALL(recvmsg),
    // The thread: libc's flags for a new one, PR_SET_NAME.
    {435, -1, 1, 0}, LM_CALL_WITH(clone, 0, 0x3D0F00), LM_CALL(set_robust_list), LM_CALL(rseq), LM_CALL(exit),
    LM_CALL_WITH(prctl, 0, 15), LM_CALL(sched_getscheduler), LM_CALL(getpriority),
};

enum { LM_OWN_CALLS = sizeof lm_own_calls / sizeof *lm_own_calls };

/// The call at a place below LM_OWN_CALLS.
static inline struct lm_own_call lm_own_call_at(long place) { return lm_own_calls[place]; }

/// The name at which the loader found the program (AT_EXECFN), or where the kernel says it lies; its length.
static inline long lm_program_path(char *buffer, size_t size) {
    long length = lm_system_call(SYS_readlinkat, -100, (long)"/proc/self/exe", (long)buffer, (long)size, 0, 0);
    return length < 0 ? 0 : length;
}

#undef LM_CALL
#undef LM_CALL_WITH

#endif
