// A program gives the kernel lists and structures that it cannot read. The calls must fail with EFAULT, and the program live.
#include "case.h"
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
enum { pages = 256 };

int main(void) {
    char *memory = region(pages, 8);
    merged_or_plain(memory, pages);
    char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + PAGE, PAGE);
    // One that begins in the last readable words: the second piece is not there.
    struct iovec *cut = (struct iovec *)(two + PAGE) - 1;
    *cut = (struct iovec){memory, PAGE};
    int ends[2], device = socket(AF_UNIX, SOCK_STREAM, 0), self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pipe(ends) != 0 || device < 0 || self < 0) wrong("descriptors: %s", strerror(errno));
    void *volatile places[] = {(void *)8, two + PAGE};
    for (int i = 0; i < 2; i++) {
        errno = 0;
        must_fault("vmsplice", vmsplice(ends[1], places[i], 1, 0) < 0);
        must_fault("vmsplice by number", syscall(SYS_vmsplice, ends[1], places[i], 1, 0) < 0);
        must_fault("process_madvise", syscall(SYS_process_madvise, self, places[i], 1, MADV_COLD, 0) < 0);
        must_fault("process_madvise", syscall(SYS_process_madvise, self, places[i], 1, MADV_DONTNEED, 0) < 0);
        must_fault("clone3", syscall(SYS_clone3, places[i], 64) < 0);
        must_fault("move_pages", syscall(SYS_move_pages, 0, 1, places[i], NULL, places[i], 0) < 0);
        must_fault("setrlimit", syscall(SYS_prlimit64, 0, RLIMIT_AS, places[i], NULL) < 0);
        must_fault("setsockopt", setsockopt(device, SOL_SOCKET, SO_RCVBUF, places[i], sizeof(int)) < 0);
        must_fault("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, places[i]) < 0);
    }
    // Whatever the kernel does with the first piece, the program lives.
    vmsplice(ends[1], cut, 2, 0);
    syscall(SYS_process_madvise, self, cut, 2, MADV_COLD, 0);
    return 0;
}
