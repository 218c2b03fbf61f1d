// Threads end while the word by which others learn of it lies in memory that is being merged: the kernel's zero must not be lost.
#include "case.h"
#include <linux/futex.h>
enum { pages = 64, threads = 16, stack_pages = 16, rounds = 300 };

// Nothing of libc's is used: the thread has none of its data.
static int sleep_and_end(void *number) {
    struct timespec pause = {0, (long)((uintptr_t)number * 7919 % 97) * 100000};
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_nanosleep), "D"(&pause), "S"(0) : "rcx", "r11", "memory");
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
#else
    (void)pause;
#endif
    return (int)result;
}

static uint32_t *word(char *memory, int thread) { return (uint32_t *)(memory + thread * (pages / threads) * PAGE + 512); }

int main(void) {
#if !defined(__x86_64__)
    skip("written for x86-64");
#endif
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    char *stacks = map_pages(threads * stack_pages);
    double end = now() + seconds_to_try(10);
    for (uintptr_t round = 0; round < rounds && now() < end; round++) {
        char *memory = map_pages(pages);
        fill(memory, pages, 1);
        for (int i = 0; i < threads; i++)
            if (clone(sleep_and_end, stacks + (i + 1) * stack_pages * PAGE, flags, (void *)(round * threads + i), NULL, NULL, word(memory, i)) < 0)
                skip("clone: %s", strerror(errno));
        mark(memory, pages);
        double deadline = now() + 3;
        for (int i = 0; i < threads; i++) {
            volatile uint32_t *ended = word(memory, i);
            while (*ended && now() < deadline) syscall(SYS_futex, ended, FUTEX_WAIT, *ended, &(struct timespec){0, 50000000}, NULL, 0);
            if (*ended) wrong("round %lu: the word of thread %d was never cleared", (unsigned long)round, i);
        }
        munmap(memory, pages * PAGE);
    }
    return 0;
}
