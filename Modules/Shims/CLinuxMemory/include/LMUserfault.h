#ifndef SAMEPAGE_LM_USERFAULT_H
#define SAMEPAGE_LM_USERFAULT_H

#include "LMFiles.h"

/// What a userfaultfd context can do.
static const uint64_t LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0;
static const uint64_t LM_UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
static const uint64_t LM_UFFD_FEATURE_EXACT_ADDRESS = 1 << 11;
static const uint64_t LM_UFFD_FEATURE_WP_SHMEM = 1 << 12;
static const uint64_t LM_UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
static const uint64_t LM_UFFD_FEATURE_POISON = 1 << 14;
static const uint64_t LM_UFFD_FEATURE_WP_ASYNC = 1 << 15;
static const uint64_t LM_UFFD_FEATURE_MOVE = 1 << 16;

static const uint64_t LM_UFFD_MODE_MISSING = 1 << 0;
static const uint64_t LM_UFFD_MODE_WP = 1 << 1;

/// A new context.
struct lm_uffd {
    /// The descriptor, or minus the error number.
    int descriptor;
    /// Whether faults of the kernel itself (read(2) into tracked memory) are handled too, not only those of programs.
    int full;
};

/// Opens a context on an open /dev/userfaultfd (which another process may have handed over).
static inline int lm_uffd_open_at(int device) {
    return (int)lm_system_call(SYS_ioctl, device, LM_IO(0xAA, 0), LM_O_CLOEXEC | LM_O_NONBLOCK, 0, 0, 0);
}

/// Opens a context: full if permitted, else for faults of user mode only; close-on-exec and non-blocking.
static inline struct lm_uffd lm_uffd_open(void) {
    const long flags = LM_O_CLOEXEC | LM_O_NONBLOCK;
    struct lm_uffd result = {-LM_ENOSYS, 1};
    int device = lm_open("/dev/userfaultfd", LM_O_RDWR);
    if (device >= 0) {
        result.descriptor = (int)lm_system_call(SYS_ioctl, device, LM_IO(0xAA, 0), flags, 0, 0, 0);
        lm_close(device);
        if (result.descriptor >= 0) return result;
    }
    result.descriptor = (int)lm_system_call(SYS_userfaultfd, flags, 0, 0, 0, 0, 0);
    if (result.descriptor >= 0) return result;
    result.full = 0;
    result.descriptor = (int)lm_system_call(SYS_userfaultfd, flags | 1, 0, 0, 0, 0, 0);
    return result;
}

/// The features and the ioctls of a context, or an error.
struct lm_uffd_api {
    int error;
    uint64_t features;
    uint64_t ioctls;
};

/// UFFDIO_API, once for each context; features of 0 ask what there is.
static inline struct lm_uffd_api lm_uffd_api(int descriptor, uint64_t features) {
    uint64_t argument[3] = {0xAA, features, 0};
    int error = lm_ioctl(descriptor, LM_IOWR(0xAA, 0x3F, sizeof argument), argument);
    struct lm_uffd_api result = {error, argument[1], argument[2]};
    return result;
}

/// UFFDIO_REGISTER. On a range that is registered it adds modes, and in any case waits for whoever holds the map lock.
static inline int lm_uffd_register(int descriptor, uintptr_t start, size_t size, uint64_t modes) {
    uint64_t argument[4] = {start, size, modes, 0};
    return lm_ioctl(descriptor, LM_IOWR(0xAA, 0x00, sizeof argument), argument);
}

static inline int lm_uffd_unregister(int descriptor, uintptr_t start, size_t size) {
    uint64_t argument[2] = {start, size};
    return lm_ioctl(descriptor, LM_IOR(0xAA, 0x01, sizeof argument), argument);
}

static inline int lm_uffd_wake(int descriptor, uintptr_t start, size_t size) {
    uint64_t argument[2] = {start, size};
    return lm_ioctl(descriptor, LM_IOR(0xAA, 0x02, sizeof argument), argument);
}

/// UFFDIO_WRITEPROTECT: 1 protects, 0 lifts the protection and wakes.
static inline int lm_uffd_write_protect(int descriptor, uintptr_t start, size_t size, int protect) {
    uint64_t argument[3] = {start, size, protect ? 1 : 0};
    return lm_ioctl(descriptor, LM_IOWR(0xAA, 0x06, sizeof argument), argument);
}

/// How much of a copy or a move was done, and the error that ended it (0 or minus the error number).
struct lm_uffd_done {
    int error;
    int64_t bytes;
};

/// UFFDIO_COPY without waking.
static inline struct lm_uffd_done lm_uffd_copy(int descriptor, uintptr_t to, uintptr_t from, size_t size) {
    int64_t argument[5] = {(int64_t)to, (int64_t)from, (int64_t)size, 1, 0};
    int error = lm_ioctl(descriptor, LM_IOWR(0xAA, 0x03, sizeof argument), argument);
    struct lm_uffd_done result = {error, argument[4] > 0 ? argument[4] : 0};
    return result;
}

/// UFFDIO_MOVE without waking (Linux 6.8). An error may come with pages moved, and on 6.18 even with pages that it does
/// not count: look into the page map after any.
static inline struct lm_uffd_done lm_uffd_move(int descriptor, uintptr_t to, uintptr_t from, size_t size) {
    int64_t argument[5] = {(int64_t)to, (int64_t)from, (int64_t)size, 1, 0};
    int error = lm_ioctl(descriptor, LM_IOWR(0xAA, 0x05, sizeof argument), argument);
    struct lm_uffd_done result = {error, argument[4] > 0 ? argument[4] : 0};
    return result;
}

/// A message of a context (struct uffd_msg), for page faults.
struct lm_uffd_message {
    uint8_t event;
    uint8_t reserved[7];
    uint64_t flags;
    uint64_t address;
    uint64_t thread;
};

enum { LM_UFFD_EVENT_PAGEFAULT = 0x12 };
static const uint64_t LM_UFFD_FAULT_WRITE = 1 << 0;
static const uint64_t LM_UFFD_FAULT_WP = 1 << 1;

/// Reads messages that wait; their number, or minus the error number (EAGAIN: none).
static inline long lm_uffd_messages(int descriptor, struct lm_uffd_message *messages, long capacity) {
    long bytes = lm_read(descriptor, messages, (size_t)capacity * sizeof *messages);
    return bytes < 0 ? bytes : bytes / (long)sizeof *messages;
}

#endif
