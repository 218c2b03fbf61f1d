/// What someone tries who wants to change, or to see, what is not theirs. Whatever works ends the program.
#ifndef PROGRAMS_HOSTILE_STORE_H
#define PROGRAMS_HOSTILE_STORE_H

#include "hostile_wire.h"
#include <linux/userfaultfd.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#define REFUSE(call) do { if ((call) >= 0) fail("works and must not: %s", #call); } while (0)

/// Everything that could change a segment of frames through the descriptor that clients get.
static inline void tamper(int file) {
    static char before[PAGE], after[PAGE];
    char path[64], byte = 1;
    if (pread(file, before, PAGE, 0) != PAGE) fail("a segment cannot be read");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    REFUSE(write(file, &byte, 1));
    REFUSE(pwrite(file, &byte, 1, 0));
    REFUSE(ftruncate(file, 0));
    REFUSE(ftruncate(file, 2 * SEGMENT_BYTES));
    REFUSE(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    REFUSE(fallocate(file, 0, 0, 2 * SEGMENT_BYTES));
    REFUSE(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    REFUSE(fcntl(file, F_SETLEASE, F_RDLCK));
    REFUSE(fcntl(file, F_SETLEASE, F_WRLCK));
    REFUSE(fchmod(file, 0666));
    REFUSE(fchown(file, getuid(), getgid()));
    REFUSE(fsetxattr(file, "user.x", "x", 1, 0));
    REFUSE(open(path, O_RDWR));
    REFUSE(open(path, O_WRONLY | O_TRUNC));
    REFUSE(open(path, O_RDONLY));
    REFUSE(sendfile(file, file, NULL, 1));
    pid_t child = fork();
    if (child == 0) {
        char *none[] = {NULL};
        fexecve(file, none, none);
        _exit(77);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 77) fail("a segment can be executed");
    if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) != MAP_FAILED) fail("a segment maps writable");
    char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
    char *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (shared == MAP_FAILED || own == MAP_FAILED) fail("a segment cannot be mapped");
    REFUSE(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
    REFUSE(madvise(shared, PAGE, MADV_REMOVE));
    int memory = open("/proc/self/mem", O_RDWR);
    REFUSE(pwrite(memory, &byte, 1, (off_t)(uintptr_t)shared));
    // One's own copy only.
    pwrite(memory, "own", 3, (off_t)(uintptr_t)own);
    memset(own, 0xEE, PAGE);
    close(memory);
    munmap(own, PAGE);
    munmap(shared, PAGE);
    if (pread(file, after, PAGE, 0) != PAGE || memcmp(before, after, PAGE) != 0) fail("a frame has changed");
}

/// Everything that could look into the process at the other end of a connection.
static inline void pry(int s) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid == getuid()) return;
    static const char *names[] = {"mem", "maps", "smaps", "pagemap", "environ", "auxv", "io", "stack", "fd/0"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", peer.pid, names[i]);
        int file = open(path, O_RDONLY);
        char byte;
        // Some can be opened, and say nothing.
        if (file >= 0 && read(file, &byte, 1) > 0) fail("%s can be read", path);
        if (file >= 0) close(file);
    }
    static const char *folders[] = {"fd", "map_files", "fdinfo"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", peer.pid, folders[i]);
        int folder = open(path, O_RDONLY | O_DIRECTORY);
        static char entries[1024];
        if (folder >= 0 && syscall(SYS_getdents64, folder, entries, sizeof entries) > 0) fail("%s can be listed", path);
        if (folder >= 0) close(folder);
    }
    REFUSE(ptrace(PTRACE_SEIZE, peer.pid, NULL, NULL));
    static char bytes[16];
    struct iovec local = {bytes, 16}, remote = {(void *)0x1000, 16};
    ssize_t got = process_vm_readv(peer.pid, &local, 1, &remote, 1, 0);
    if (got >= 0 || errno != EPERM) fail("process_vm_readv is not refused");
    int pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    for (int number = 0; number < 16 && pidfd >= 0; number++) REFUSE(syscall(SYS_pidfd_getfd, pidfd, number, 0));
    if (pidfd >= 0) close(pidfd);
    REFUSE(kill(peer.pid, 0));
}

/// Looks for contents that are another user's in all that a segment holds.
static inline void search_segment(int file, uint64_t secret, uint64_t secret_pages) {
    static char bytes[64 * PAGE];
    if (secret_pages == 0) return;
    for (off_t place = 0; place < SEGMENT_BYTES; place += (off_t)sizeof bytes) {
        ssize_t got = pread(file, bytes, sizeof bytes, place);
        if (got <= 0) return;
        for (ssize_t page = 0; page + PAGE <= got; page += PAGE) {
            uint64_t first;
            memcpy(&first, bytes + page, sizeof first);
            // Pages that were never given out end the search.
            if (first == 0 && is_zero_page(bytes + page)) return;
            for (uint64_t content = secret; content < secret + secret_pages; content++)
                if (first == content_word(content, 0))
                    fail("another user's page %llu came", (unsigned long long)content);
        }
    }
}

/// Writes to a file from memory whose content never comes; ends by a signal only.
static inline void hold_lock(int file, int device) {
    int context = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (context < 0 && device >= 0) context = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {(uintptr_t)memory, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (context < 0 || ioctl(context, UFFDIO_API, &api) != 0 || ioctl(context, UFFDIO_REGISTER, &range) != 0) return;
    if (pwrite(file, memory, PAGE, 0) < 0) return;
}

#endif
