// A program whose first thread ends before the others: it ends with the last of them, as without the agent, whose own
// thread does not count. Prints the same lines with and without it.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void at_exit(void) { puts("exit handler"); }

static void clean_up(void *name) { printf("cleanup of %s\n", (const char *)name); }

static void *inner(void *argument) {
    pthread_cleanup_push(clean_up, "inner thread");
    pthread_exit(argument);
    pthread_cleanup_pop(0);
    return 0;
}

static void *outer(void *argument) {
    pthread_t thread;
    void *result = 0;
    (void)argument;
    pthread_create(&thread, 0, inner, (void *)42l);
    pthread_join(thread, &result);
    printf("inner thread: %ld\n", (long)result);
    usleep(200000);
    puts("outer thread is done");
    return 0;
}

int main(void) {
    pthread_t thread;
    size_t size = 1 << 20;
    void *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    atexit(at_exit);
    if (memory == MAP_FAILED || madvise(memory, size, MADV_MERGEABLE)) return 1;
    pthread_create(&thread, 0, outer, 0);
    pthread_exit(0);
}
