#ifndef SAMEPAGE_TW_SLOW_SOURCE_H
#define SAMEPAGE_TW_SLOW_SOURCE_H

#include "TWProcess.h"
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>

/// Memory whose first page is missing until someone brings it: a copy from it stops in the middle, with its
/// destination pinned, for as long as we like.
struct tw_slow_source {
    int descriptor;
    unsigned char *bytes;
    size_t size;
};

/// Makes a source of whole pages; minus the error number where userfaultfd is not permitted.
static inline int tw_slow_open(struct tw_slow_source *source, size_t size) {
    source->size = size;
    source->descriptor = (int)tw_result(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    if (source->descriptor < 0) return source->descriptor;
    struct uffdio_api api = {.api = UFFD_API};
    source->bytes = (unsigned char *)mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {
        .range = {(uintptr_t)source->bytes, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (source->bytes == MAP_FAILED || ioctl(source->descriptor, UFFDIO_API, &api)
        || madvise(source->bytes, size, MADV_DONTFORK) || ioctl(source->descriptor, UFFDIO_REGISTER, &range)) {
        int error = -errno;
        close(source->descriptor);
        return error;
    }
    return 0;
}

static inline void tw_slow_close(struct tw_slow_source *source) {
    close(source->descriptor);
    munmap(source->bytes, source->size);
}

/// Empties the source.
static inline void tw_slow_clear(struct tw_slow_source *source) { madvise(source->bytes, source->size, MADV_DONTNEED); }

/// Brings pages of the source.
static inline int tw_slow_bring(struct tw_slow_source *source, size_t offset, const void *from, size_t size) {
    struct uffdio_copy copy = {
        .dst = (uintptr_t)source->bytes + offset, .src = (uintptr_t)from, .len = size};
    return (int)tw_result(ioctl(source->descriptor, UFFDIO_COPY, &copy));
}

/// Waits until somebody misses a page, at most so long; 1 if somebody does.
static inline int tw_slow_wait(struct tw_slow_source *source, int milliseconds) {
    struct pollfd file = {source->descriptor, POLLIN, 0};
    if (poll(&file, 1, milliseconds) <= 0) return 0;
    struct uffd_msg message;
    return read(source->descriptor, &message, sizeof message) == (ssize_t)sizeof message;
}

#endif
