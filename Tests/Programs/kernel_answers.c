// Every call that the agent stands in for, with good and bad arguments: prints what each answers and whether the bytes
// are right. The output is the same with and without the agent. With EXPECT_FRAMES set it waits for pages to be merged
// wherever it has marked new memory, and says so on standard error if none are.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define P 4096ul
#define N 64
static int line;
static void say(const char *what, long result) {
    int e = errno;
    printf("%3d %-40s %s %d\n", ++line, what, result == -1 ? "-1" : result == 0 ? "0" : "+", result == -1 ? e : 0);
    errno = 0;
}
static void bytes(const char *what, unsigned char *p, int first, int last, int base) {
    int bad = 0;
    for (int i = first; i < last; i++) for (int k = 0; k < 4096; k += 511)
        if (p[i * P + k] != (base < 0 ? 0 : (unsigned char)(base + i / 2))) bad++;
    printf("%3d %-40s bytes %s\n", ++line, what, bad ? "WRONG" : "right");
}
static int frames(unsigned char *p, size_t size) {
    FILE *f = fopen("/proc/self/maps", "r");
    char l[600];
    int n = 0;
    while (fgets(l, sizeof l, f)) {
        unsigned long a, b;
        sscanf(l, "%lx-%lx", &a, &b);
        if (a >= (uintptr_t)p && b <= (uintptr_t)p + size && strstr(l, "samepage-frames")) n += (b - a) / P;
    }
    fclose(f);
    return n;
}
static void settle(unsigned char *p, size_t size) {
    if (!getenv("EXPECT_FRAMES")) return;
    for (int i = 0; i < 1000; i++) { if (frames(p, size) >= (int)(size / P / 4)) return; usleep(10000); }
    fprintf(stderr, "line %d: no frames came (%d of %zu)\n", line, frames(p, size), size / P);
}
static unsigned char *region(int extra) {
    unsigned char *p = mmap(0, (N + extra) * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (extra) mprotect(p + N * P, extra * P, PROT_NONE);
    for (int i = 0; i < (int)N; i++) memset(p + i * P, 10 + i / 2, P);
    madvise(p, N * P, MADV_MERGEABLE);
    settle(p, N * P);
    errno = 0;
    return p;
}
// Has the kernel write a byte, which fails with EFAULT where the program could not.
static long store(unsigned char *to) {
    int ends[2];
    long result = pipe(ends) == 0 && write(ends[1], "x", 1) == 1 ? read(ends[0], to, 1) : 9;
    int e = errno;
    close(ends[0]);
    close(ends[1]);
    errno = e;
    return result;
}

static int look_in_child(unsigned char *p) {
    madvise(p + 50 * P, P, MADV_DONTNEED);
    return p[50 * P] == 0 && p[51 * P] == 35 ? 0 : 3;
}

static void advice(void) {
    unsigned char *p = region(0);
    bytes("merged", p, 0, N, 10);
    say("mergeable again", madvise(p, N * P, MADV_MERGEABLE));
    say("mergeable unaligned", madvise(p + 1, P, MADV_MERGEABLE));
    say("mergeable length 0", madvise(p, 0, MADV_MERGEABLE));
    say("mergeable overflow", madvise(p, (size_t)-1, MADV_MERGEABLE));
    say("madvise unknown", madvise(p, P, 77));
    say("mergeable heap", madvise((void *)((uintptr_t)malloc(1 << 14) & ~4095), P, MADV_MERGEABLE));
    say("mergeable stack", madvise((void *)((uintptr_t)&p & ~4095), P, MADV_MERGEABLE));
    p[5 * P] = 99;
    say("dontneed part", madvise(p + 4 * P, 4 * P, MADV_DONTNEED));
    bytes("given back", p, 4, 8, -1);
    bytes("before", p, 0, 4, 10);
    bytes("after", p, 8, N, 10);
    say("dontneed unaligned", madvise(p + 100, P, MADV_DONTNEED));
    say("dontneed odd length", madvise(p + 8 * P, 100, MADV_DONTNEED));
    bytes("given back", p, 8, 9, -1);
    bytes("after", p, 9, N, 10);
    say("posix_madvise", posix_madvise(p + 9 * P, P, POSIX_MADV_DONTNEED));
    bytes("not given back", p, 9, 10, 10);
    say("free", madvise(p + 10 * P, 3 * P, MADV_FREE));
    memset(p + 10 * P, 1, P);
    bytes("after free", p, 13, N, 10);
    say("remove", madvise(p + 20 * P, 2 * P, MADV_REMOVE));
}

static void gaps(void) {
    unsigned char *p = region(0);
    say("munmap middle", munmap(p + 30 * P, 2 * P));
    say("dontneed with gap", madvise(p + 28 * P, 6 * P, MADV_DONTNEED));
    bytes("given back", p, 28, 30, -1);
    bytes("given back", p, 32, 34, -1);
    bytes("after", p, 34, N, 10);
    say("mergeable with gap", madvise(p, N * P, MADV_MERGEABLE));
    say("unmergeable with gap", madvise(p, N * P, MADV_UNMERGEABLE));
    bytes("unmerged", p, 34, N, 10);
    if (getenv("EXPECT_FRAMES") && frames(p, N * P)) printf("pages are still merged\n");
    say("munmap", munmap(p, N * P));
    say("mergeable unmapped", madvise(p, N * P, MADV_MERGEABLE));
    say("unmergeable unmapped", madvise(p, N * P, MADV_UNMERGEABLE));
    say("munmap unaligned", munmap(p + 1, P));
    say("munmap zero", munmap(p, 0));
}

static void protection(void) {
    unsigned char *p = region(0);
    say("mprotect read", mprotect(p + 8 * P, 8 * P, PROT_READ));
    bytes("readable", p, 0, N, 10);
    say("dontneed of read-only", madvise(p + 10 * P, 2 * P, MADV_DONTNEED));
    bytes("given back", p, 10, 12, -1);
    say("still not writable", store(p + 10 * P));
    say("others not either", store(p + 8 * P));
    say("mprotect none", mprotect(p + 8 * P, 8 * P, PROT_NONE));
    say("dontneed of none", madvise(p + 8 * P, 2 * P, MADV_DONTNEED));
    say("mprotect back", mprotect(p + 8 * P, 8 * P, PROT_READ | PROT_WRITE));
    bytes("given back", p, 8, 12, -1);
    bytes("kept", p, 12, N, 10);
    munmap(p + (N - 2) * P, P);
    say("mprotect gap", mprotect(p + (N - 3) * P, 3 * P, PROT_READ));
    say("mprotect bad", mprotect(p, P, 0x100));
    say("mprotect unaligned", mprotect(p + 1, P, PROT_READ));
    settle(p, N * P);
    bytes("again", p, 12, N - 2, 10);
    say("pkey_mprotect -1", pkey_mprotect(p, 2 * P, PROT_READ, -1));
    say("pkey_mprotect bad key", pkey_mprotect(p, 2 * P, PROT_READ, 99));
    say("dontfork", madvise(p, N * P, MADV_DONTFORK));
    say("dofork", madvise(p, N * P, MADV_DOFORK));
    say("dontdump part", madvise(p + 16 * P, 4 * P, MADV_DONTDUMP));
    say("dontneed there", madvise(p + 16 * P, 4 * P, MADV_DONTNEED));
    bytes("given back", p, 16, 20, -1);
    say("nohugepage", madvise(p, N * P, MADV_NOHUGEPAGE));
    say("wipeonfork part", madvise(p + 40 * P, 4 * P, MADV_WIPEONFORK));
    bytes("kept", p, 40, 44, 10);
    fflush(stdout);
    if (fork() == 0) {
        bytes("wiped in child", p, 40, 44, -1);
        bytes("kept in child", p, 44, N - 2, 10);
        _exit(0);
    }
    fflush(stdout);
    wait(0);
    line += 2;
    say("keeponfork", madvise(p + 40 * P, 4 * P, MADV_KEEPONFORK));
    munmap(p, N * P);
}

static void locking(void) {
    unsigned char *p = region(0);
    say("mlock", mlock(p + 4 * P + 5, 3 * P));
    bytes("locked", p, 0, N, 10);
    say("dontneed locked", madvise(p + 4 * P, P, MADV_DONTNEED));
    say("dontneed around locked", madvise(p + 2 * P, 8 * P, MADV_DONTNEED));
    bytes("given back", p, 2, 4, -1);
    bytes("locked", p, 4, 8, 10);
    bytes("not reached", p, 8, 10, 10);
    say("munlock", munlock(p + 4 * P, 4 * P));
    munmap(p + 62 * P, P);
    say("mlock gap", mlock(p + 61 * P, 3 * P));
    say("mlock2 bad", mlock2(p, P, 77));
    say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
    bytes("locked", p, 8, N - 2, 10);
    say("munlockall", munlockall());
    say("mlockall bad", mlockall(0));
    munmap(p, N * P);
}

static void moving(void) {
    unsigned char *p = region(N);
    // Only now, so that nobody else maps there.
    munmap(p + N * P, N * P);
    unsigned char *q = mremap(p, N * P, 2 * N * P, 0);
    say("grow in place", (long)q);
    printf("same %d\n", q == p);
    if (q == MAP_FAILED) exit(1);
    bytes("grown", q, 0, N, 10);
    bytes("tail", q, N, 2 * N, -1);
    memset(q + N * P, 7, P);
    q = mremap(p, 2 * N * P, N * P, 0);
    say("shrink", (long)q);
    bytes("shrunk", q, 0, N, 10);
    q = mremap(p, N * P, N * P, 0);
    say("same size", (long)q);
    q = mremap(p, N * P, 4096 * P, 0);
    say("grow in place into others", (long)q);
    settle(p, N * P);
    unsigned char *wall = mmap(p + N * P, P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say("wall", (long)wall);
    say("grow without room", (long)mremap(p, N * P, (N + 1) * P, 0));
    q = mremap(p, N * P, 3 * N * P, MREMAP_MAYMOVE);
    say("grow and move", (long)q);
    bytes("moved", q, 0, N, 10);
    bytes("tail", q, N, 3 * N, -1);
    say("old place is free", madvise(p, P, MADV_WILLNEED));
    settle(q, N * P);
    say("dontneed at new place", madvise(q + 2 * P, 4 * P, MADV_DONTNEED));
    bytes("given back", q, 2, 6, -1);
    bytes("kept", q, 6, N, 10);
    unsigned char *to = mmap(0, 3 * N * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(to, 3, 3 * N * P);
    unsigned char *r = mremap(q, 3 * N * P, 3 * N * P, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    say("move fixed", (long)r);
    printf("there %d\n", r == to);
    bytes("kept", r, 6, N, 10);
    bytes("zeros", r, 2, 6, -1);
    say("fixed over itself", (long)mremap(r, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, r + P));
    say("fixed without maymove", (long)mremap(r, 8 * P, 8 * P, MREMAP_FIXED, q));
    say("fixed unaligned", (long)mremap(r, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, q + 1));
    say("unaligned", (long)mremap(r + 1, 8 * P, 8 * P, MREMAP_MAYMOVE));
    say("new size 0", (long)mremap(r, 8 * P, 0, MREMAP_MAYMOVE));
    say("old size 0", (long)mremap(r, 0, 8 * P, MREMAP_MAYMOVE));
    say("bad flags", (long)mremap(r, 8 * P, 8 * P, 64));
    say("dontunmap sizes", (long)mremap(r, 8 * P, 9 * P, MREMAP_MAYMOVE | 4));
    say("unmapped", (long)mremap(q, 8 * P, 9 * P, MREMAP_MAYMOVE));
    settle(r, N * P);
    munmap(r + 60 * P, P);
    say("over a gap", (long)mremap(r + 56 * P, 8 * P, 16 * P, MREMAP_MAYMOVE));
    unsigned char *s = mremap(r, 32 * P, 32 * P, MREMAP_MAYMOVE | 4);
    say("dontunmap", (long)s);
    if (s != MAP_FAILED) { bytes("moved", s, 6, 32, 10); bytes("left", r, 0, 32, -1); munmap(s, 32 * P); }
    s = mremap(r + 32 * P, 16 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, q);
    say("shrink and move", (long)s);
    bytes("moved", s - 32 * P, 32, 40, 10);
    munmap(r, 3 * N * P);
    munmap(s, 8 * P);
}

static void replacing(void) {
    unsigned char *p = region(0);
    unsigned char *q = mmap(p + 8 * P, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say("map over", (long)q);
    bytes("new", p, 8, 16, -1);
    bytes("others", p, 16, N, 10);
    say("dontneed over both", madvise(p + 6 * P, 4 * P, MADV_DONTNEED));
    bytes("zeros", p, 6, 16, -1);
    bytes("others", p, 16, N, 10);
    say("noreplace", (long)mmap(p, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    say("mmap bad", (long)mmap(p, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    say("mmap offset", (long)mmap(0, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1));
    int id = shmget(IPC_PRIVATE, 4 * P, 0600);
    say("shmat remap", (long)(shmat(id, p + 20 * P, SHM_REMAP) == p + 20 * P));
    bytes("segment", p, 20, 24, -1);
    bytes("others", p, 24, N, 10);
    say("shmat taken", (long)shmat(id, p + 30 * P, 0));
    shmdt(p + 20 * P);
    shmctl(id, IPC_RMID, 0);
    say("guard", madvise(p + 40 * P, 2 * P, MADV_GUARD_INSTALL));
    bytes("others", p, 42, N, 10);
    say("guard off", madvise(p + 40 * P, 2 * P, 103));
    bytes("zeros", p, 40, 42, -1);
}

static void by_number(void) {
    unsigned char *p = region(0);
    say("syscall dontneed", syscall(SYS_madvise, p + 44 * P, 2 * P, MADV_DONTNEED));
    bytes("zeros", p, 44, 46, -1);
    say("syscall munmap", syscall(SYS_munmap, p + 46 * P, P));
    say("syscall mmap", syscall(SYS_mmap, 0, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    say("syscall unknown", syscall(9999));
    say("syscall getpid", syscall(SYS_getpid) == getpid());
    long child = syscall(SYS_fork);
    if (child == 0) _exit(look_in_child(p));
    int status;
    waitpid(child, &status, 0);
    say("raw fork", status);
    child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(look_in_child(p));
    waitpid(child, &status, 0);
    say("raw clone", status);
    say("merge set bad", prctl(67, 1ul, 1ul, 0ul, 0ul));
    say("errno kept", (errno = 5, madvise(p, P, MADV_DONTNEED), errno == 5));
    bytes("end", p, 51, N, 10);
}

int main(void) {
    setvbuf(stdout, 0, _IOLBF, 0);
    advice();
    gaps();
    protection();
    locking();
    moving();
    replacing();
    by_number();
    return 0;
}
