#ifndef SAMEPAGE_TW_DIRECT_H
#define SAMEPAGE_TW_DIRECT_H

#include "TWProcess.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <sys/vfs.h>

/// A file without a name in a folder that lies on a disk; minus the error number where there is no such file or reads
/// would not pass by the page cache (EOPNOTSUPP).
static inline int tw_direct_file(const char *folder) {
    struct statfs place;
    int file = (int)tw_result(open(folder, __O_TMPFILE | O_RDWR | __O_DIRECT | O_CLOEXEC, 0600));
    if (file < 0) return file;
    if (fstatfs(file, &place) == 0 && place.f_type != 0x01021994) return file;
    close(file);
    return -EOPNOTSUPP;
}

/// Whole pages of the file, by a descriptor that is opened for this read and closed after it.
static inline long tw_direct_read(int file, uintptr_t to, size_t size, size_t offset) {
    char path[40];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", file);
    int reader = (int)tw_result(open(path, O_RDONLY | __O_DIRECT | O_CLOEXEC));
    if (reader < 0) return reader;
    long got = tw_result(pread(reader, (void *)to, size, (off_t)offset));
    close(reader);
    return got;
}

/// Whole pages into the file.
static inline long tw_direct_write(int file, const void *from, size_t size, size_t offset) {
    return tw_result(pwrite(file, from, size, (off_t)offset));
}

/// Gives the calling thread a table of descriptors of its own.
static inline int tw_own_table(void) { return (int)tw_result(syscall(SYS_unshare, (long)CLONE_FILES)); }

#endif
