#ifndef SAMEPAGE_LM_STORE_H
#define SAMEPAGE_LM_STORE_H

#include "LMFiles.h"

static inline int lm_fchmod(int descriptor, unsigned mode) {
    return (int)lm_system_call(SYS_fchmod, descriptor, mode, 0, 0, 0, 0);
}

/// Takes a write lease and gives it back: 0 when no other open of the file exists, not even as a mapping of any
/// process; else minus EAGAIN. `descriptor` must not be the one that memfd_create returned: the kernel does not
/// count that one.
static inline int lm_try_lease(int descriptor) {
    // F_SETSIG: SIGURG, which does nothing, in place of SIGIO if somebody opens the file just now.
    lm_system_call(SYS_fcntl, descriptor, 10, 23, 0, 0, 0);
    // F_SETLEASE, F_WRLCK
    int result = (int)lm_system_call(SYS_fcntl, descriptor, 1024, 1, 0, 0, 0);
    // F_UNLCK
    if (result == 0) lm_system_call(SYS_fcntl, descriptor, 1024, 2, 0, 0, 0);
    return result;
}

/// Opens a path that begins at a folder, close-on-exec.
static inline int lm_open_at(int folder, const char *path, int flags) {
    return (int)lm_system_call(SYS_openat, folder, (long)path, flags | LM_O_CLOEXEC, 0, 0, 0);
}

/// Takes a write lease: minus EAGAIN where anybody else has the file open. Whoever opens it now waits until
/// ``lm_drop_lease``.
///
/// What the kernel sends then goes to the calling thread alone (F_SETOWN_EX with F_OWNER_TID), and is SIGURG, which does
/// nothing, in place of SIGIO. It forgets both with each lease that is dropped.
static inline int lm_take_lease(int descriptor) {
    struct {
        int kind, thread;
    } owner = {0, (int)lm_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0)};
    lm_system_call(SYS_fcntl, descriptor, 15, (long)&owner, 0, 0, 0);
    lm_system_call(SYS_fcntl, descriptor, 10, 23, 0, 0, 0);
    return (int)lm_system_call(SYS_fcntl, descriptor, 1024, 1, 0, 0, 0);
}

static inline void lm_drop_lease(int descriptor) { lm_system_call(SYS_fcntl, descriptor, 1024, 2, 0, 0, 0); }

/// Two connected sockets for messages (SOCK_SEQPACKET), close-on-exec and non-blocking.
static inline int lm_socketpair(int descriptors[2]) {
    return (int)lm_system_call(SYS_socketpair, 1, 5 | 0x80000 | 0x800, 0, (long)descriptors, 0, 0);
}

#endif
