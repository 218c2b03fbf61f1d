// A program of one thread gives the kernel paths that it cannot read. The calls must fail with EFAULT, and the program live.
#include "case.h"
#include <sys/stat.h>
enum { pages = 256 };

static void must_fail(const char *call, int failed) {
    if (!failed || errno != EFAULT) wrong("%s: %s", call, failed ? strerror(errno) : "no error");
}

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
        must_fail("open", open(paths[i], O_RDONLY) < 0);
        must_fail("openat", openat(AT_FDCWD, paths[i], O_RDONLY) < 0);
        must_fail("stat", stat(paths[i], &status) < 0);
        must_fail("fstatat", fstatat(AT_FDCWD, paths[i], &status, 0) < 0);
        must_fail("statx", statx(AT_FDCWD, paths[i], 0, STATX_ALL, &more) < 0);
    }
    return 0;
}
