// A program of several threads, which map, advise and unmap memory all the time, confines itself by prctl to a few calls on one
// thread, and by strict mode on another process: none is ended, none hangs, and its bytes stay.
#include "case.h"
enum { pages = 128, contents = 8 };

static void *change_memory(void *argument) {
    (void)argument;
    for (;;) {
        char *memory = map_pages(64);
        fill(memory, 64, 4);
        madvise(memory, 64 * PAGE, MADV_MERGEABLE);
        nap(0.001);
        if (wrong_pages(memory, 64, 4)) wrong("a page changed");
        madvise(memory, 16 * PAGE, MADV_DONTNEED);
        munmap(memory, 64 * PAGE);
    }
}

static _Noreturn void confined(int is_strict) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    // One of the pages is written, and has memory of its own over its frame.
    rewrite(memory, 3);
    if (is_strict) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) skip("strict mode: %s", strerror(errno));
        size_t changed = wrong_pages(memory, pages, contents);
        syscall(SYS_exit, changed != 0);
    }
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, change_memory, NULL);
    nap(0.2);
    static const int needed[] = {SYS_read, SYS_write, SYS_exit_group, SYS_exit, SYS_munmap, SYS_mmap, SYS_madvise, SYS_mprotect, SYS_mremap,
        SYS_brk, SYS_clock_nanosleep};
    install_filter(needed, sizeof needed / sizeof *needed, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, SECCOMP_FILTER_FLAG_TSYNC);
    for (int i = 0; i < 50; i++, nap(0.01)) rewrite(memory, pages);
    if (wrong_pages(memory, pages, contents)) wrong("a page changed");
    if (madvise(memory, 2 * PAGE, MADV_DONTNEED) || memory[0] || memory[PAGE + 100]) wrong("a discarded page is not zero");
    if (munmap(memory, pages * PAGE)) wrong("munmap: %s", strerror(errno));
    _exit(0);
}

int main(void) {
    for (int is_strict = 0; is_strict < 2; is_strict++) {
        pid_t child = fork();
        if (!child) confined(is_strict);
        expect_exit(is_strict ? "strict mode" : "a filter on all threads", status_of(child, 20), 0);
    }
    return 0;
}
