// A program installs a seccomp filter that lists the calls it needs and ends the process for all others, then changes memory
// that was merged before: munmap, mprotect, madvise, mmap, mremap, all of them on the list. It must not be ended.
#include "case.h"
enum { pages = 512, contents = 16 };
static const char *const names[] = {"munmap", "mprotect", "madvise", "mmap", "mremap"};

static bool act(int what, char *memory) {
    switch (what) {
    case 0: return munmap(memory, 64 * PAGE) == 0;
    case 1: return mprotect(memory, 64 * PAGE, PROT_READ) == 0;
    case 2: return madvise(memory, 64 * PAGE, MADV_DONTNEED) == 0;
    case 3: return mmap(NULL, 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    default: return mremap(memory, pages * PAGE, (pages + 88) * PAGE, MREMAP_MAYMOVE) != MAP_FAILED;
    }
}

static _Noreturn void confined(int what) {
    static const int needed[] = {SYS_read, SYS_write, SYS_exit_group, SYS_munmap, SYS_mmap, SYS_madvise, SYS_mprotect, SYS_mremap, SYS_brk, SYS_newfstatat, SYS_fstat};
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    install_filter(needed, sizeof needed / sizeof *needed, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, 0);
    if (!act(what, memory)) wrong("%s behind a filter: %s", names[what], strerror(errno));
    _exit(0);
}

int main(void) {
    for (int what = 0; what < 5; what++) {
        pid_t child = fork();
        if (!child) confined(what);
        char description[60];
        snprintf(description, sizeof description, "%s behind a filter that allows it", names[what]);
        expect_exit(description, status_of(child, 12), 0);
    }
    return 0;
}
