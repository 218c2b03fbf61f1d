#ifndef SAMEPAGE_LM_PROGRAM_CALLS_H
#define SAMEPAGE_LM_PROGRAM_CALLS_H

#include "LMSystemCall.h"
#include <sys/shm.h>

enum {
    LM_MADV_WIPEONFORK = 18,
    LM_MADV_KEEPONFORK = 19,
    LM_MADV_DONTNEED_LOCKED = 24,
    LM_MADV_REMOVE = 9,
    LM_MADV_WILLNEED = 3,
    LM_MADV_COLD = 20,
    LM_MADV_COLLAPSE = 25,
    LM_MADV_HWPOISON = 100,
    LM_MADV_SOFT_OFFLINE = 101,
    LM_MADV_GUARD_INSTALL = 102,
    LM_MADV_GUARD_REMOVE = 103,
};

enum {
    LM_MAP_TYPE = 0x0F,
    LM_MAP_GROWSDOWN = 0x0100,
    LM_MAP_LOCKED = 0x2000,
    LM_MAP_STACK = 0x20000,
    LM_MAP_HUGETLB = 0x40000,
    LM_PROT_EXEC = 4,
};

enum {
    LM_SHM_REMAP = 040000,
    LM_MCL_CURRENT = 1,
    LM_MCL_FUTURE = 2,
    LM_PR_SET_MEMORY_MERGE = 67,
    LM_PR_GET_MEMORY_MERGE = 68,
    LM_PR_SET_VMA = 0x53564D41,
    LM_MPOL_F_ADDR = 2,
    LM_CLONE_VM = 0x100,
    LM_CLONE_FS = 0x200,
    LM_CLONE_FILES = 0x400,
    LM_CLONE_SYSVSEM = 0x40000,
    LM_CLONE_CHILD_CLEARTID = 0x200000,
    LM_MSG_ZEROCOPY = 0x4000000,
    LM_ITIMER_VIRTUAL = 1,
    LM_ITIMER_PROF = 2,
    LM_CLONE_NEWPID = 0x20000000,
};

enum { LM_ETIMEDOUT = 110, LM_EUSERS = 87 };

/// Whether something is at a path.
static inline int lm_exists(const char *path) {
    return lm_system_call(SYS_faccessat, -100, (long)path, 0, 0, 0, 0) == 0;
}

/// msync(MS_ASYNC): changes nothing, and answers ENOMEM if a part of the range is not mapped.
static inline int lm_test_mapped(uintptr_t address, size_t size) {
    return (int)lm_system_call(SYS_msync, (long)address, (long)size, 1, 0, 0, 0);
}

/// The kind of NUMA policy of the mapping at an address (0: none of its own), or minus the error number.
static inline int lm_memory_policy(uintptr_t address) {
    int mode = 0;
    long result = lm_system_call(SYS_get_mempolicy, (long)&mode, 0, 0, (long)address, 2, 0);
    return result < 0 ? (int)result : mode;
}

/// Bytes of a System V segment, or minus the error number.
static inline long lm_shm_size(int segment) {
    struct shmid_ds status;
    long result = lm_system_call(SYS_shmctl, segment, 2, (long)&status, 0, 0, 0);
    return result < 0 ? result : (long)status.shm_segsz;
}

enum { LM_RLIMIT_AS = 9 };

/// Whether RLIMIT_AS limits the address space of the process, or is unknown.
static inline int lm_address_space_is_limited(void) {
    uint64_t limit[2] = {0, 0};
    return lm_system_call(SYS_prlimit64, 0, 9, 0, (long)limit, 0, 0) != 0 || limit[0] != ~(uint64_t)0;
}

/// RLIMIT_CPU of the process, in seconds; all ones without one.
static inline uint64_t lm_cpu_limit(void) {
    uint64_t limit[2] = {~(uint64_t)0, 0};
    lm_system_call(SYS_prlimit64, 0, 0, 0, (long)limit, 0, 0);
    return limit[0];
}

/// The process that a descriptor stands for, as PIDFD_GET_INFO (Linux 6.13) says; 0 where it does not.
static inline int lm_pidfd_process(int descriptor) {
    uint64_t info[8] = {1}; // a mask, the control group, process and group, ...
    if (lm_ioctl(descriptor, 0xC000FF0Bu | (uint32_t)sizeof info << 16, info) != 0) return 0;
    return (int)(info[2] >> 32);
}

/// The requests of ioctl that register memory with a userfaultfd, and take it back.
static const uint64_t LM_UFFDIO_REGISTER = LM_IOWR(0xAA, 0x00, 32);
static const uint64_t LM_UFFDIO_UNREGISTER = LM_IOR(0xAA, 0x01, 16);

/// What registers memory with an AF_XDP socket.
enum { LM_SOL_XDP = 283, LM_XDP_UMEM_REG = 4 };

/// Whether the 8 bytes at an address can be read: rt_sigprocmask in a way that does nothing but read them.
static inline int lm_can_read(uintptr_t address) {
    return lm_system_call(SYS_rt_sigprocmask, -1, (long)address, 0, 8, 0, 0) == -LM_EINVAL;
}

/// Whether a descriptor is open.
static inline int lm_is_open(int descriptor) { return lm_system_call(SYS_fcntl, descriptor, 1, 0, 0, 0, 0) >= 0; }

/// The numbers of calls that a program may make by syscall().
enum {
    LM_SYS_MMAP = SYS_mmap,
    LM_SYS_MUNMAP = SYS_munmap,
    LM_SYS_MREMAP = SYS_mremap,
    LM_SYS_MADVISE = SYS_madvise,
    LM_SYS_PROCESS_MADVISE = 440,
    LM_SYS_MPROTECT = SYS_mprotect,
    LM_SYS_PKEY_MPROTECT = SYS_pkey_mprotect,
    LM_SYS_MLOCK = SYS_mlock,
    LM_SYS_MLOCK2 = SYS_mlock2,
    LM_SYS_MLOCKALL = SYS_mlockall,
    LM_SYS_MUNLOCK = SYS_munlock,
    LM_SYS_MUNLOCKALL = SYS_munlockall,
    LM_SYS_SHMAT = SYS_shmat,
    LM_SYS_PRCTL = SYS_prctl,
    LM_SYS_IOCTL = SYS_ioctl,
    LM_SYS_MSEAL = 462,
    LM_SYS_MOVE_PAGES = SYS_move_pages,
    LM_SYS_MBIND = SYS_mbind,
    LM_SYS_GET_MEMPOLICY = SYS_get_mempolicy,
    LM_SYS_PRLIMIT64 = SYS_prlimit64,
    LM_SYS_CLONE = SYS_clone,
    LM_SYS_CLONE3 = 435,
    LM_SYS_EXIT = SYS_exit,
    LM_SYS_OPENAT = SYS_openat,
    LM_SYS_OPENAT2 = 437,
    LM_SYS_CLOSE = SYS_close,
    LM_SYS_UNSHARE = SYS_unshare,
    LM_SYS_UMOUNT2 = SYS_umount2,
    LM_SYS_VMSPLICE = SYS_vmsplice,
    LM_SYS_SETSOCKOPT = SYS_setsockopt,
    LM_SYS_SETNS = SYS_setns,
    LM_SYS_MINCORE = SYS_mincore,
    LM_SYS_SETITIMER = SYS_setitimer,
    LM_SYS_SENDTO = SYS_sendto,
    LM_SYS_SENDMSG = SYS_sendmsg,
    LM_SYS_SENDMMSG = SYS_sendmmsg,
    LM_SYS_SET_TID_ADDRESS = SYS_set_tid_address,
    LM_SYS_SET_ROBUST_LIST = SYS_set_robust_list,
    LM_SYS_CAPSET = SYS_capset,
#ifdef SYS_fork
    LM_SYS_FORK = SYS_fork,
    LM_SYS_OPEN = SYS_open,
#else
    LM_SYS_FORK = -1,
    LM_SYS_OPEN = -2,
#endif
};

/// Whether a call changes what the calling thread alone is permitted: users, groups, capabilities, Landlock.
static inline int lm_changes_rights(long number) {
    switch (number) {
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setreuid:
    case SYS_setregid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setfsuid:
    case SYS_setfsgid:
    case SYS_setgroups:
    case SYS_capset:
    case 446: // landlock_restrict_self
        return 1;
    default: return 0;
    }
}

/// Whether an option of prctl changes what the calling thread alone is permitted: PR_SET_KEEPCAPS, PR_CAPBSET_DROP,
/// PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT.
static inline int lm_is_given_up_by_thread(int option) {
    return option == 8 || option == 24 || option == 28 || option == 38 || option == 47;
}

#endif
