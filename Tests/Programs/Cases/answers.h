// Calls that change or ask about memory, on a layout that is the program's own or merged.
#ifndef ANSWERS_H
#define ANSWERS_H
#include "case.h"
enum { n = 128, calls = 15 };
// Memory with all that a program can make of it: read-only and unreadable parts, a gap, a shared and a private file.
static char *layout(bool marked) {
    char *m = mmap(NULL, (n + 64) * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) wrong("mmap");
    fill(m, n, 8);
    if (marked) { mark(m, n); merged_or_plain(m, n); }
    mprotect(m + 40 * PAGE, 8 * PAGE, PROT_READ);
    munmap(m + 60 * PAGE, 4 * PAGE);
    mprotect(m + 80 * PAGE, 4 * PAGE, PROT_NONE);
    int f = memfd_create("x", 0);
    if (ftruncate(f, 8 * PAGE)) skip("memfd");
    mmap(m + 100 * PAGE, 8 * PAGE, 3, MAP_SHARED | MAP_FIXED, f, 0);
    mmap(m + 110 * PAGE, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, f, 0);
    close(f);
    munmap(m + n * PAGE, 64 * PAGE);
    return m;
}
// Pages from the start of the layout, and how many.
static const struct { long off, len; } parts[] = {{0, 16}, {0, 128}, {30, 20}, {36, 8}, {40, 8}, {50, 20}, {58, 4}, {60, 4}, {61, 1}, {64, 10}, {70, 20}, {80, 4}, {90, 16}, {100, 8}, {98, 20}, {110, 4}, {120, 20}, {128, 4}, {0, 0}, {60, 0}, {0, -1}, {3, 1L << 40}};
// Makes a call; 1 where it succeeds with another answer than 0 or its own address.
static int call(int k, char *a, size_t len, int x) {
    unsigned char v[4096];
    switch (k) {
    case 0: return madvise(a, len, x);
    case 1: return mlock(a, len) ? -1 : (munlock(a, len), 0);
    case 2: return munlock(a, len);
    case 3: return msync(a, len, x);
    case 4: return mincore(a, len, v);
    case 5: return syscall(SYS_mbind, a, len, x, NULL, 0, 0);
    case 6: return mlock2(a, len, x) ? -1 : (munlock(a, len), 0);
    case 7: return mprotect(a, len, x);
    case 8: { void *r = mremap(a, len, len, x); return r == MAP_FAILED ? -1 : r != (void *)a; }
    case 9: { void *r = mremap(a, len, len > PAGE && len < 1 << 20 ? len - PAGE : 0, x); return r == MAP_FAILED ? -1 : r != (void *)a; }
    case 10: return syscall(SYS_remap_file_pages, a, len, 0, x, 0);
    case 11: return pkey_mprotect(a, len, PROT_READ | PROT_WRITE, x);
    case 12: { struct iovec i = {a, len}; long r = syscall(SYS_process_madvise, -10001, &i, 1, x, 0); return r < 0 ? -1 : r == (long)len ? 0 : 1; }
    case 13: return syscall(462, a, len, x);
    case 14: { void *r = mremap(a, len, len < 1 << 20 ? len + 3 * PAGE : len, x); if (r == MAP_FAILED) return -1; return r != (void *)a && !(x & 1); }
    }
    return 0;
}
// The last argument of each call, up to -1.
static const int args[][40] = {
    {0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 102, 103, 5, 6, 7, 26, 99, -1},
    {0, -1}, {0, -1}, {1, 2, 4, 3, 5, 8, -1}, {0, -1}, {0, 4, 1, 9, -1}, {0, 1, 2, -1}, {3, 1, 0, 7, 0x100, 0x02000000, 0x01000000, -1}, {0, 1, 4, 5, 8, 2, -1}, {0, 1, -1}, {0, 1, -1}, {-1}, {4, 20, 21, 3, 9, 12, 13, 14, 25, -1}, {1, -1}, {0, 1, -1}};

// What a program finds in all of its layout.
static unsigned found_in(char *m) {
    unsigned hash = 0;
    for (int i = 0; i < n + 4; i++) {
        char page[PAGE];
        struct iovec here = {page, PAGE}, there = {m + i * PAGE, PAGE};
        long got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
        hash = hash * 31 + (got < 0 ? errno : got);
        for (int place = 0; got == PAGE && place < (int)PAGE; place += 64) hash = hash * 31 + page[place];
    }
    return hash;
}
// HWPOISON and the like are left out.
static bool is_harmless(int k, int argument) { return k != 0 || (argument != 12 && argument != 13); }
// After MADV_FREE and the like either content is right.
static bool keeps_content(int k, int argument) { return k != 0 || (argument != 8 && argument != 20 && argument != 21); }
static void describe(int k, int argument, size_t part, const int plain[3], const int marked[3]) {
    wrong("call %d with %d on pages %ld+%ld: %d, error %d, content %x; marked %d, error %d, content %x", k, argument, parts[part].off, parts[part].len, plain[0], plain[1], plain[2], marked[0], marked[1], marked[2]);
}
#endif
