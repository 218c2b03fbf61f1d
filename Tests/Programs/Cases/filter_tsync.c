// A program installs a seccomp filter on all its threads (TSYNC) that refuses a call it does not need itself, marks memory,
// and keeps writing to it. Its writers must never wait for ever, and it must end.
#include "case.h"
enum { pages = 64, contents = 32 };
static _Atomic long writes;

static void *write_on(void *memory) {
    for (;; nap(0.003)) {
        rewrite(memory, pages);
        writes++;
    }
    return NULL;
}

int main(void) {
    char *first = region(pages, contents);
    merged_or_plain(first, pages);
    const int refused[] = {SYS_pread64};
    install_filter(refused, 1, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_TSYNC);
    char *second = region(pages, contents);
    nap(seconds_to_try(2));
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, write_on, first);
    pthread_create(&threads[1], NULL, write_on, second);
    for (int i = 0; i < (under_samepage() ? 5 : 1); i++) {
        long before = writes;
        nap(1);
        if (writes - before < 10) wrong("in one second the writers came round %ld times", writes - before);
    }
    munmap(map_pages(1), PAGE);
    return 0;
}
