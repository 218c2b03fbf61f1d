#ifndef SAMEPAGE_TW_PROCESS_H
#define SAMEPAGE_TW_PROCESS_H


#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static inline long tw_result(long value) { return value < 0 ? -errno : value; }

/// fork, with the handlers of pthread_atfork. Swift hides it.
static inline int tw_fork(void) { return (int)tw_result(fork()); }

/// The fork system call without any handler; the child does nothing but end.
static inline int tw_raw_fork_and_exit(void) {
#ifdef SYS_fork
    long child = syscall(SYS_fork);
#else
    long child = syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
#endif
    if (child == 0) syscall(SYS_exit_group, 0);
    return (int)tw_result(child);
}

/// Ends a child without running anything.
static inline void tw_exit(int code) { _exit(code); }

/// Kills the caller when it has not ended after so many seconds, or when its parent dies.
static inline void tw_limit_child(unsigned seconds) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
}

/// Waits for a child: its exit code, 256 plus the signal that ended it, or minus the error number.
static inline int tw_wait(int child) {
    int status = 0;
    pid_t got;
    do {
        got = waitpid(child, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Kills a child and waits for its end.
static inline void tw_kill(int child) {
    kill(child, SIGKILL);
    tw_wait(child);
}

/// Starts /bin/true with posix_spawn (vfork inside) and waits for it: its exit code.
static inline int tw_spawn_true(void) {
    extern char **environ;
    char name[] = "true";
    char *arguments[] = {name, 0};
    pid_t child;
    int error = posix_spawn(&child, "/bin/true", 0, 0, arguments, environ);
    return error ? -error : tw_wait(child);
}

/// process_vm_writev of one piece.
static inline long tw_vm_write(int process, uintptr_t to, const void *from, size_t size) {
    struct iovec local = {(void *)(uintptr_t)from, size};
    struct iovec remote = {(void *)to, size};
    return tw_result(syscall(SYS_process_vm_writev, (long)process, &local, 1L, &remote, 1L, 0L));
}

/// A connected pair of sockets.
static inline int tw_socket_pair(int pair[2]) { return (int)tw_result(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)); }

/// A pipe.
static inline int tw_pipe(int pair[2]) { return (int)tw_result(pipe(pair)); }

static inline long tw_read(int descriptor, void *to, size_t size) { return tw_result(read(descriptor, to, size)); }

/// read(2) to an address that is only a number here.
static inline long tw_read_to(int descriptor, uintptr_t to, size_t size) {
    return tw_result(read(descriptor, (void *)to, size));
}

static inline long tw_write(int descriptor, const void *from, size_t size) {
    return tw_result(write(descriptor, from, size));
}

/// Gives malloc a stock for a time without memory (Swift ends a program whose malloc fails); before there are threads.
static inline void tw_stock_up(size_t size) {
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
    char *stock = (char *)malloc(size);
    for (size_t place = 0; place < size; place += 4096) ((volatile char *)stock)[place] = 1;
    free(stock);
}

/// From now on processes whose parents have ended become children of this one.
static inline void tw_adopt_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L); }

static inline void tw_close(int descriptor) { close(descriptor); }

static inline int tw_process(void) { return (int)getpid(); }

#endif
