// A program of one thread gives the kernel paths that it cannot read. The calls must fail with EFAULT, and the program live.
#include "case.h"
#include <sys/stat.h>
enum { pages = 256 };

int main(void) {
    char *memory = region(pages, 8);
    merged_or_plain(memory, pages);
    char *unmapped = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(unmapped, PAGE);
    const char *volatile paths[] = {(const char *)1, unmapped};
    struct stat status;
    struct statx more;
    for (int i = 0; i < 2; i++) {
        errno = 0;
        must_fault("open", open(paths[i], O_RDONLY) < 0);
        must_fault("openat", openat(AT_FDCWD, paths[i], O_RDONLY) < 0);
        must_fault("stat", stat(paths[i], &status) < 0);
        must_fault("fstatat", fstatat(AT_FDCWD, paths[i], &status, 0) < 0);
        must_fault("statx", statx(AT_FDCWD, paths[i], 0, STATX_ALL, &more) < 0);
    }
    return 0;
}
