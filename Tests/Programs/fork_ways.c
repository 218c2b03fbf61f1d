// A child, however it was forked, finds what was there, and its calls answer as the kernel's do: prints a line for each way
// to fork. The output is the same with and without the agent.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096ul
#define N 64
static unsigned char *p;

static int content(int page) { return page / 2 + 1; }

// 0 if all is as it must be; the number of the step that is not.
static int look(void) {
    for (int i = 0; i < N; i++)
        if (p[(size_t)i * P] != content(i)) return 1;
    if (madvise(p + 3 * P, 2 * P, MADV_DONTNEED)) return 2;
    if (p[3 * P] || p[4 * P]) return 3;
    unsigned char *q = mremap(p, N * P, 2 * N * P, MREMAP_MAYMOVE);
    if (q == MAP_FAILED) return 4;
    for (int i = 5; i < N; i++)
        if (q[(size_t)i * P] != content(i)) return 5;
    for (int i = N; i < 2 * N; i++)
        if (q[(size_t)i * P]) return 6;
    return munmap(q, 2 * N * P) ? 7 : 0;
}

static int look_in_clone(void *argument) { return argument == &p ? look() : 8; }

static void await(pid_t child, const char *way) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) perror(way);
    printf("%-12s %d\n", way, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void spawned(void) {
    pid_t child = vfork();
    if (child == 0) {
        void *q = mmap(0, 16 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(q, 16 * P, MADV_MERGEABLE);
        munmap(q, 16 * P);
        _exit(0);
    }
    await(child, "vfork");
    child = fork();
    if (child == 0) execlp("true", "true", (char *)0);
    await(child, "exec");
}

static void by_number(void) {
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(look());
    await(child, "SYS_clone");
    struct {
        unsigned long flags, pidfd, child, parent, signal, stack, size, tls;
    } arguments = {.signal = SIGCHLD};
    child = (pid_t)syscall(435, &arguments, sizeof arguments);
    if (child == 0) _exit(look());
    await(child, "clone3");
#if defined(__x86_64__)
    // Past libc: nobody can know of it.
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_fork) : "rcx", "r11", "memory");
    if (result == 0) _exit(look());
    await((pid_t)result, "instruction");
#endif
}

static void within_children(void) {
    pid_t child = fork();
    if (child == 0) _exit(daemon(1, 1) ? 1 : look());
    await(child, "daemon");
    child = fork();
    if (child == 0) {
        int status;
        child = fork();
        if (child == 0) {
            usleep(20000);
            _exit(look());
        }
        waitpid(child, &status, 0);
        _exit(status ? 50 : look());
    }
    await(child, "grandchild");
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    p = mmap(0, N * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < N; i++) memset(p + (size_t)i * P, content(i), P);
    if (madvise(p, N * P, MADV_MERGEABLE)) return 1;
    usleep(500000);

    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(look());
    }
    await(child, "fork");
    child = _Fork();
    if (child == 0) _exit(look());
    await(child, "_Fork");
    char *stack = mmap(0, 16 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    await(clone(look_in_clone, stack + 16 * P, SIGCHLD, &p), "clone");
    spawned();
    by_number();
    within_children();
    printf("%-12s %d\n", "parent", look());
    return 0;
}
