/// What the programs of the tests share. They know nothing of Samepage: only what the kernel says about their memory.
#ifndef PROGRAMS_COMMON_H
#define PROGRAMS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8 };

/// One line, then the end: a test of the program failed.
__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    printf("\n");
    fflush(stdout);
    va_end(arguments);
    _exit(1);
}

static inline double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void pause_milliseconds(long milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/// A well-mixed number for each number (splitmix64).
static inline uint64_t mixed(uint64_t value) {
    value += 0x9E3779B97F4A7C15u;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
    value = (value ^ value >> 27) * 0x94D049BB133111EBu;
    return value ^ value >> 31;
}

/// Word `word` of content `content`; contents differ in every word.
static inline uint64_t content_word(uint64_t content, size_t word) { return mixed(mixed(content) + word); }

static inline void fill_page(void *page, uint64_t content) {
    volatile uint64_t *words = page;
    for (size_t word = 0; word < WORDS; word++) words[word] = content_word(content, word);
}

/// The first byte that is not as `content` says; PAGE when all are right.
static inline size_t first_wrong_byte(const void *page, uint64_t content) {
    const volatile uint64_t *words = page;
    for (size_t word = 0; word < WORDS; word++) {
        uint64_t difference = words[word] ^ content_word(content, word);
        if (difference != 0) return word * 8 + (size_t)__builtin_ctzll(difference) / 8;
    }
    return PAGE;
}

static inline int is_zero_page(const void *page) {
    const volatile uint64_t *words = page;
    for (size_t word = 0; word < WORDS; word++) {
        if (words[word] != 0) return 0;
    }
    return 1;
}

/// Private anonymous memory, without huge pages: each page counts for itself.
static inline char *map_pages(size_t pages) {
    char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap of %zu pages: %s", pages, strerror(errno));
    return memory;
}

static inline void mark(char *memory, size_t pages) {
    if (madvise(memory, pages * PAGE, MADV_MERGEABLE) != 0) fail("MADV_MERGEABLE: %s", strerror(errno));
}

/// Takes map entries of this process until so many are left; how many it took.
static inline size_t take_map_entries(size_t left) {
    size_t limit = 1 << 18, count = 0;
    char *memory = mmap(NULL, limit * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("mmap: %s", strerror(errno));
    // Each page that differs from its neighbours takes two.
    while (2 * count + 1 < limit && mprotect(memory + (2 * count + 1) * PAGE, PAGE, PROT_READ) == 0) count++;
    for (size_t back = 0; back < left && count > 0; back += 2) {
        count--;
        if (mprotect(memory + (2 * count + 1) * PAGE, PAGE, PROT_NONE) != 0) fail("mprotect: %s", strerror(errno));
    }
    return 2 * count;
}

/// Pages that map a page of a file, not copied since: by the kernel's /proc/self/pagemap. Reads each page first.
static inline size_t pages_over_files(const char *memory, size_t pages) {
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("/proc/self/pagemap: %s", strerror(errno));
    size_t found = 0;
    for (size_t page = 0; page < pages;) {
        uint64_t entries[512];
        size_t count = pages - page < 512 ? pages - page : 512;
        for (size_t i = 0; i < count; i++) (void)*(const volatile char *)(memory + (page + i) * PAGE);
        off_t offset = (off_t)(((uintptr_t)memory / PAGE + page) * 8);
        if (pread(file, entries, count * 8, offset) != (ssize_t)(count * 8)) fail("pagemap cannot be read");
        for (size_t i = 0; i < count; i++) found += entries[i] >> 63 & entries[i] >> 61 & 1;
        page += count;
    }
    close(file);
    return found;
}

/// Waits until so many pages map pages of files.
static inline void wait_for_merged(const char *memory, size_t pages, size_t wanted, double seconds) {
    double end = now() + seconds;
    size_t found;
    while ((found = pages_over_files(memory, pages)) < wanted) {
        if (now() > end) fail("only %zu of %zu pages were merged in %.0f s", found, wanted, seconds);
        pause_milliseconds(20);
    }
}

#endif
