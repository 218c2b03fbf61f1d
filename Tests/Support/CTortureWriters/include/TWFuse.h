#ifndef SAMEPAGE_TW_FUSE_H
#define SAMEPAGE_TW_FUSE_H

#include "TWProcess.h"
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/// A file system of one file whose reads pass by the page cache: the reader's pages are pinned until the server, a child,
/// answers, which takes its time. No path leads to it.
struct tw_fuse {
    /// The root folder.
    int mount;
    int server;
};

static inline void tw_fuse_answer(int device, uint64_t unique, int error, const void *body, size_t size) {
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = error, .unique = unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)(uintptr_t)body, size}};
    if (writev(device, parts, size > 0 ? 2 : 1) < 0 && errno != ENOENT) _exit(1);
}

/// Answers one request; reads are answered with `bytes` and after a delay of up to `longest` nanoseconds, mostly a short one.
static inline void tw_fuse_serve_one(
    int device, const char *request, const unsigned char *bytes, size_t size, long longest) {
    const struct fuse_in_header *header = (const struct fuse_in_header *)request;
    const struct fuse_read_in *wanted = (const struct fuse_read_in *)(request + sizeof *header);
    int is_root = header->nodeid == 1 && header->opcode != FUSE_LOOKUP;
    struct fuse_attr attributes = {.ino = is_root ? 1 : 2, .size = size, .mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0644,
                                   .nlink = 1, .blksize = 4096};
    struct fuse_init_out init = {.major = 7, .minor = 31, .max_readahead = 0, .flags = FUSE_MAX_PAGES,
                                 .max_background = 16, .congestion_threshold = 8, .max_write = 1 << 20, .max_pages = 256};
    struct fuse_entry_out entry = {
        .nodeid = 2, .generation = 1, .entry_valid = 1000, .attr_valid = 1000, .attr = attributes};
    struct fuse_attr_out found = {.attr_valid = 1000, .attr = attributes};
    struct fuse_open_out opened = {.fh = 1, .open_flags = FOPEN_DIRECT_IO};
    switch (header->opcode) {
    case FUSE_INIT: return tw_fuse_answer(device, header->unique, 0, &init, sizeof init);
    case FUSE_LOOKUP: return tw_fuse_answer(device, header->unique, 0, &entry, sizeof entry);
    case FUSE_GETATTR: return tw_fuse_answer(device, header->unique, 0, &found, sizeof found);
    case FUSE_OPEN: return tw_fuse_answer(device, header->unique, 0, &opened, sizeof opened);
    case FUSE_READ: {
        uint64_t chance = header->unique * 0x9E3779B97F4A7C15u >> 16;
        long most = chance % 4 == 0 ? longest : longest / 16;
        struct timespec delay = {0, (long)((chance >> 8) % (uint64_t)(most + 1))};
        nanosleep(&delay, 0);
        size_t start = wanted->offset < size ? wanted->offset : size;
        size_t length = wanted->size < size - start ? wanted->size : size - start;
        return tw_fuse_answer(device, header->unique, 0, bytes + start, length);
    }
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: return;
    case FUSE_FLUSH:
    case FUSE_RELEASE: return tw_fuse_answer(device, header->unique, 0, 0, 0);
    default: tw_fuse_answer(device, header->unique, -ENOSYS, 0, 0);
    }
}

/// The server's whole life.
static inline void tw_fuse_serve(int device, const unsigned char *bytes, size_t size, long longest) {
    static char request[(1 << 20) + 4096] __attribute__((aligned(8)));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        if (read(device, request, sizeof request) >= 0) tw_fuse_serve_one(device, request, bytes, size, longest);
        else if (errno != EINTR && errno != ENOENT) _exit(0);
    }
}

/// The mount of a device; minus the error number.
static inline int tw_fuse_mount(int device) {
    char number[12];
    snprintf(number, sizeof number, "%d", device);
    const char *options[][2] = {{"fd", number}, {"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}};
    int context = (int)tw_result(syscall(SYS_fsopen, "fuse", (long)FSOPEN_CLOEXEC));
    if (context < 0) return context;
    long done = 0;
    for (size_t i = 0; i < 4 && done >= 0; i++) {
        done = tw_result(syscall(SYS_fsconfig, (long)context, (long)FSCONFIG_SET_STRING, options[i][0], options[i][1], 0L));
    }
    if (done >= 0) done = tw_result(syscall(SYS_fsconfig, (long)context, (long)FSCONFIG_CMD_CREATE, 0L, 0L, 0L));
    if (done >= 0) done = tw_result(syscall(SYS_fsmount, (long)context, (long)FSMOUNT_CLOEXEC, 0L));
    close(context);
    return (int)done;
}

/// Starts the server, before there are threads; minus the error number where that is not permitted. The file holds `bytes`,
/// which may be memory that both share.
static inline int tw_fuse_start(struct tw_fuse *fuse, const void *bytes, size_t size, long longest) {
    fuse->mount = fuse->server = -1;
    int device = (int)tw_result(open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (device < 0) return device;
    fuse->mount = tw_fuse_mount(device);
    fuse->server = fuse->mount < 0 ? fuse->mount : tw_fork();
    if (fuse->server == 0) {
        close(fuse->mount);
        tw_fuse_serve(device, (const unsigned char *)bytes, size, longest);
    }
    close(device);
    return fuse->server < 0 ? fuse->server : 0;
}

/// Reads from the file, by a descriptor that is opened for this read and closed after it.
static inline long tw_fuse_read(const struct tw_fuse *fuse, uintptr_t to, size_t size, size_t offset) {
    int file = (int)tw_result(openat(fuse->mount, "file", O_RDONLY | O_CLOEXEC));
    if (file < 0) return file;
    long got = tw_result(pread(file, (void *)to, size, (off_t)offset));
    close(file);
    return got;
}

/// The end of the file system, and of its server.
static inline void tw_fuse_end(struct tw_fuse *fuse) {
    close(fuse->mount);
    tw_kill(fuse->server);
}

#endif
