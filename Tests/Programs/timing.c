/// What merging can be seen by from inside: the time of the first read and of the first write of pages that are merged
/// (each has a twin), of merged pages between others that are not, of pages of zeros that were given back, of pages that are marked and have no twin, and of pages that
/// are not marked. Run it under the agent: it waits until the kernel says that the pages are merged. One line per figure,
/// in nanoseconds: name, 10th percentile, median, 90th percentile. The clock's own time is not subtracted.
#include "common.h"

enum { PART = 4096, MERGED = 2 * PART, LONELY = 2048, PAGES = 4 * PART + LONELY, SECONDS = 60 };

static uint64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void tell(const char *name, uint64_t *times, size_t count) {
    qsort(times, count, sizeof *times, compare);
    printf("%s %llu %llu %llu\n", name, (unsigned long long)times[count / 10], (unsigned long long)times[count / 2],
           (unsigned long long)times[count * 9 / 10]);
}

static void time_reads(const char *name, const char *memory, size_t pages, size_t step) {
    static uint64_t times[PAGES];
    for (size_t page = 0; page < pages; page++) {
        uint64_t start = nanoseconds();
        (void)*(const volatile char *)(memory + page * step * PAGE);
        times[page] = nanoseconds() - start;
    }
    tell(name, times, pages);
}

static void time_writes(const char *name, char *memory, size_t pages) {
    static uint64_t times[PAGES];
    for (size_t page = 0; page < pages; page++) {
        uint64_t start = nanoseconds();
        *(volatile char *)(memory + page * PAGE) = 1;
        times[page] = nanoseconds() - start;
    }
    tell(name, times, pages);
}

/// Pages that lie in mappings of frames, read or not: asking the page tables would need to read them.
static size_t pages_in_file_mappings(const char *memory, size_t pages) {
    FILE *file = fopen("/proc/self/maps", "r");
    char line[512];
    size_t found = 0;
    uintptr_t first = (uintptr_t)memory, last = first + pages * PAGE;
    while (file != NULL && fgets(line, sizeof line, file)) {
        uintptr_t start, end;
        if (sscanf(line, "%lx-%lx", &start, &end) != 2 || strstr(line, "/memfd:") == NULL) continue;
        if (start < first) start = first;
        if (end > last) end = last;
        if (start < end) found += (end - start) / PAGE;
    }
    if (file != NULL) fclose(file);
    return found;
}

/// Pages that hold nothing, without touching them.
static size_t pages_given_back(const char *memory, size_t pages) {
    static uint64_t entries[PAGES];
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("/proc/self/pagemap: %s", strerror(errno));
    off_t offset = (off_t)((uintptr_t)memory / PAGE * 8);
    if (pread(file, entries, pages * 8, offset) != (ssize_t)(pages * 8)) fail("pagemap cannot be read");
    close(file);
    size_t found = 0;
    for (size_t page = 0; page < pages; page++) found += entries[page] >> 63 == 0;
    return found;
}

int main(void) {
    char *memory = map_pages(PAGES), *unmarked = map_pages(PART);
    char *zeros = memory + MERGED * PAGE, *private = zeros + PART * PAGE, *lonely = private + PART * PAGE;
    uint64_t seed = mixed((uint64_t)getpid()) << 20;
    for (size_t page = 0; page < MERGED; page++) fill_page(memory + page * PAGE, seed + page % PART);
    for (size_t page = 0; page < PART; page++) {
        *(volatile char *)(zeros + page * PAGE) = 0;
        fill_page(private + page * PAGE, seed + PAGES + page);
        fill_page(unmarked + page * PAGE, seed + 2 * PAGES + page);
    }
    // Every second one has a twin.
    for (size_t page = 0; page < LONELY; page++) {
        fill_page(lonely + page * PAGE, page % 2 == 0 ? seed + page : seed + 3 * PAGES + page);
    }
    mark(memory, PAGES);
    double end = now() + SECONDS;
    while (pages_in_file_mappings(memory, MERGED) < MERGED || pages_given_back(zeros, PART) < PART ||
           pages_in_file_mappings(lonely, LONELY) < LONELY / 2) {
        if (now() > end) fail("not everything is merged after %d s", SECONDS);
        pause_milliseconds(50);
    }
    pause_milliseconds(500);
    time_reads("first-read-merged", memory, MERGED, 1);
    time_reads("first-read-lonely", lonely, LONELY / 2, 2);
    time_reads("first-read-zeros", zeros, PART, 1);
    time_reads("first-read-private", private, PART, 1);
    time_reads("first-read-unmarked", unmarked, PART, 1);
    time_reads("second-read-merged", memory, MERGED, 1);
    time_writes("first-write-merged", memory, MERGED);
    time_writes("first-write-zeros", zeros, PART);
    time_writes("first-write-private", private, PART);
    time_writes("first-write-unmarked", unmarked, PART);
    return 0;
}
