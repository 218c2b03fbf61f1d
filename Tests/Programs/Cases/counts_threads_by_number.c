// A program of one thread lists /proc/self/task by openat and getdents64 by number.
#include "case.h"
int main(void) {
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    for (int i = 0; i < 20; i++, nap(0.02)) {
        int fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY);
        char b[4096];
        int n = 0;
        long got;
        while ((got = syscall(SYS_getdents64, fd, b, sizeof b)) > 0)
            for (long o = 0; o < got; o += *(unsigned short *)(b + o + 16)) n += b[o + 19] != '.';
        close(fd);
        if (n != 1) wrong("%d threads listed", n);
    }
    return 0;
}
