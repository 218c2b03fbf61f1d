#ifndef SAMEPAGE_LM_SERVICE_H
#define SAMEPAGE_LM_SERVICE_H

#include "LMSystemCall.h"
#include <malloc.h>
#include "LMFiles.h"

/// What a service asks of the kernel about the processes that connect to it, and about its own threads.

/// Who connected (SO_PEERCRED): its effective user and group at that moment; all -1 when the kernel does not say.
struct lm_peer {
    int32_t pid, uid, gid;
};

static inline struct lm_peer lm_peer_credentials(int descriptor) {
    struct lm_peer peer = {-1, -1, -1};
    uint32_t size = sizeof peer;
    long result = lm_system_call(SYS_getsockopt, descriptor, 1, 17, (long)&peer, (long)&size, 0);
    if (result < 0) peer = (struct lm_peer){-1, -1, -1};
    return peer;
}

/// The supplementary groups of who connected (SO_PEERGROUPS); their number, or minus the error number.
static inline long lm_peer_groups(int descriptor, uint32_t *groups, size_t capacity) {
    uint32_t size = (uint32_t)(capacity * sizeof *groups);
    long result = lm_system_call(SYS_getsockopt, descriptor, 1, 59, (long)groups, (long)&size, 0);
    return result < 0 ? result : (long)(size / sizeof *groups);
}

/// The user namespace above another one (NS_GET_PARENT): a descriptor, or minus the error number.
static inline int lm_parent_namespace(int descriptor) {
    return (int)lm_system_call(SYS_ioctl, descriptor, 0xb702, 0, 0, 0, 0);
}

/// Who made a user namespace (NS_GET_OWNER_UID); 0 or minus the error number.
static inline int lm_namespace_owner(int descriptor, uint32_t *user) {
    return (int)lm_system_call(SYS_ioctl, descriptor, 0xb704, (long)user, 0, 0, 0);
}

/// setpriority of the calling thread.
static inline int lm_set_nice(int nice) { return (int)lm_system_call(SYS_setpriority, 0, 0, nice, 0, 0, 0); }

/// sched_setscheduler(SCHED_IDLE) of the calling thread.
static inline int lm_set_idle_schedule(void) {
    int priority = 0;
    return (int)lm_system_call(SYS_sched_setscheduler, 0, 5, (long)&priority, 0, 0, 0);
}

/// Lets large blocks of the heap be mappings of their own, whatever was freed before, so that they go back to the system
/// at once, and threads share two heaps instead of having one each. For programs that run long.
static inline void lm_give_back_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 17);
    mallopt(M_ARENA_MAX, 2);
}

#endif
