// Threads map, mark, write, discard, protect, move and unmap memory of their own at the same time, a signal handler maps, and
// another thread forks and starts programs: every byte stays right. Takes the number of seconds.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define P 4096ul
#define SHARED 64
extern char **environ;
static volatile int stop;
static long faults, rounds, forks;

static void fault(const char *what) {
    if (__sync_fetch_and_add(&faults, 1) < 10) fprintf(stderr, "%s: wrong (%s)\n", what, strerror(errno));
}

static void must(int ok, const char *what) {
    if (!ok) fault(what);
}

// Neighbouring pages hold the same, so that there is something to merge.
static unsigned char tag_of(int tag, int page) { return (unsigned char)(tag + page / 2); }

static void fill(unsigned char *p, int first, int last, int tag) {
    for (int i = first; i < last; i++) memset(p + (size_t)i * P, tag_of(tag, i), P);
}

static void check(const unsigned char *p, int first, int last, int tag, const char *what) {
    for (int i = first; i < last; i++) {
        const unsigned char *page = p + (size_t)i * P;
        if (page[0] != tag_of(tag, i) || page[P - 1] != tag_of(tag, i)) return fault(what);
    }
}

static void check_zeros(const unsigned char *p, int first, int last, const char *what) {
    for (int i = first; i < last; i++) {
        const unsigned char *page = p + (size_t)i * P;
        if (page[0] || page[P / 2]) return fault(what);
    }
}

static unsigned char *change(unsigned char *p, int n, int tag, unsigned *seed) {
    unsigned char *q;
    switch (rand_r(seed) % 7) {
    case 0:
        must(madvise(p + 4 * P, 4 * P, MADV_DONTNEED) == 0, "MADV_DONTNEED");
        check_zeros(p, 4, 8, "MADV_DONTNEED");
        fill(p, 4, 8, tag);
        break;
    case 1:
        must(mprotect(p, 8 * P, PROT_READ) == 0, "mprotect");
        check(p, 0, 8, tag, "read-only");
        must(mprotect(p, 8 * P, PROT_READ | PROT_WRITE) == 0, "mprotect back");
        break;
    case 2:
        q = mremap(p, n * P, 2 * n * P, MREMAP_MAYMOVE);
        must(q != MAP_FAILED, "mremap");
        if (q == MAP_FAILED) break;
        check(q, 0, n, tag, "moved");
        check_zeros(q, n, 2 * n, "grown");
        p = mremap(q, 2 * n * P, n * P, 0);
        must(p == q, "mremap to less");
        break;
    case 3:
        for (int i = 0; i < n; i += 3) {
            p[(size_t)i * P] = 1;
            p[(size_t)i * P] = tag_of(tag, i);
        }
        break;
    case 4:
        must(madvise(p, n * P, MADV_UNMERGEABLE) == 0, "MADV_UNMERGEABLE");
        must(madvise(p, n * P, MADV_MERGEABLE) == 0, "MADV_MERGEABLE again");
        break;
    case 5:
        usleep(rand_r(seed) % 10000);
        break;
    case 6:
        must(madvise(p, 8 * P, MADV_DONTDUMP) == 0, "MADV_DONTDUMP");
        must(madvise(p, 8 * P, MADV_DODUMP) == 0, "MADV_DODUMP");
        break;
    }
    check(p, 0, n, tag, "after a change");
    return p;
}

static void *work(void *argument) {
    unsigned seed = (unsigned)(uintptr_t)argument;
    while (!stop) {
        int n = 20 + rand_r(&seed) % 60, tag = rand_r(&seed) % 200 + 1;
        unsigned char *p = mmap(0, n * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fill(p, 0, n, tag);
        must(madvise(p, n * P, MADV_MERGEABLE) == 0, "MADV_MERGEABLE");
        if (rand_r(&seed) % 2) usleep(rand_r(&seed) % 20000);
        check(p, 0, n, tag, "marked");
        for (int step = 0; step < 6; step++) p = change(p, n, tag, &seed);
        if (rand_r(&seed) % 3 == 0) {
            int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
            must(mmap(p, 8 * P, PROT_READ | PROT_WRITE, flags, -1, 0) == p, "MAP_FIXED");
            check_zeros(p, 0, 8, "MAP_FIXED");
            check(p, 8, n, tag, "beside MAP_FIXED");
        }
        must(munmap(p, n * P) == 0, "munmap");
        __sync_fetch_and_add(&rounds, 1);
    }
    return 0;
}

static void handler(int number) {
    int before = errno;
    void *p = mmap(0, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (number == SIGALRM && p != MAP_FAILED) {
        madvise(p, P, MADV_DONTNEED);
        munmap(p, P);
    }
    errno = before;
}

static int look(unsigned char *shared) {
    for (int i = 0; i < SHARED; i++)
        if (shared[(size_t)i * P] != tag_of(100, i)) return 1;
    if (madvise(shared + 10 * P, P, MADV_DONTNEED) || shared[10 * P]) return 2;
    return mmap(0, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 3 : 0;
}

static void *fork_often(void *shared) {
    while (!stop) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) _exit(look(shared));
        must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "fork");
        char *arguments[] = {"true", 0};
        must(posix_spawnp(&child, "true", 0, 0, arguments, environ) == 0, "posix_spawn");
        must(waitpid(child, &status, 0) == child && status == 0, "true");
        __sync_fetch_and_add(&forks, 1);
    }
    return 0;
}

int main(int count, char **arguments) {
    int seconds = count > 1 ? atoi(arguments[1]) : 3;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    unsigned char *shared = mmap(0, SHARED * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill(shared, 0, SHARED, 100);
    must(madvise(shared, SHARED * P, MADV_MERGEABLE) == 0, "MADV_MERGEABLE");

    pthread_t threads[5];
    for (uintptr_t i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, (void *)(i + 1));
    pthread_create(&threads[4], 0, fork_often, shared);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &every, 0);
    time_t end = time(0) + seconds;
    while (time(0) < end) usleep(10000);
    stop = 1;
    for (int i = 0; i < 5; i++) pthread_join(threads[i], 0);

    check(shared, 0, SHARED, 100, "at the end");
    printf("%ld rounds, %ld forks, %ld faults\n", rounds, forks, faults);
    return faults != 0;
}
