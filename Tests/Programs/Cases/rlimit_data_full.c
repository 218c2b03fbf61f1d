// daemon: --rewritten-pages trap
// A program has used up its RLIMIT_DATA, or all but a few pages. Then it writes to merged memory and ends merging
// (MADV_UNMERGEABLE): every store succeeds, the call answers 0, nothing vanishes and nobody waits for ever.
#include "case.h"
enum { pages = 1024, contents = 8, allowance = 64 << 20 };

static size_t data_in_use(void) {
    char text[8192] = "";
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    char *line = length > 0 ? strstr(text, "VmData:") : NULL;
    if (!line) skip("/proc/self/status has no VmData");
    return strtoul(line + 7, NULL, 10) << 10;
}
static void limit_data(size_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    if (setrlimit(RLIMIT_DATA, &limit)) skip("RLIMIT_DATA: %s", strerror(errno));
}
// Maps single pages until the kernel refuses, and gives back as many as are to be left.
static void use_up(size_t left) {
    static char *hoard[allowance / PAGE];
    size_t count = 0;
    for (size_t size = 1024; size; size /= 2) {
        char *more;
        while ((more = mmap(NULL, size * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
            for (size_t i = 0; i < size; i++) hoard[count++] = more + i * PAGE;
    }
    for (size_t i = 0; i < left && count; i++) munmap(hoard[--count], PAGE);
}
static void *look(void *memory) {
    size_t wrong = 0;
    for (double deadline = now() + 1; now() < deadline;)
        for (size_t i = 0; i < pages; i++) wrong += *(volatile char *)((char *)memory + i * PAGE + PAGE - 1) != (char)(0x40 + i % contents);
    return (void *)wrong;
}

int main(void) {
    const size_t spare[] = {0, 1, 20, 600};
    for (int round = 0; round < 4; round++) {
        limit_data(RLIM_INFINITY);
        char *stores = region(pages, contents), *ends = region(pages, contents);
        merged_or_plain(stores, pages);
        merged_or_plain(ends, pages);
        pthread_t reader;
        pthread_create(&reader, NULL, look, ends);
        limit_data(data_in_use() + (4 << 20));
        use_up(spare[round]);
        rewrite(stores, pages);
        if (madvise(ends, pages * PAGE, MADV_UNMERGEABLE) && under_samepage()) wrong("%zu pages left: MADV_UNMERGEABLE: %s", spare[round], strerror(errno));
        // Less than what is there already.
        limit_data(1 << 20);
        rewrite(stores, pages);
        madvise(stores, pages * PAGE, MADV_UNMERGEABLE);
        limit_data(RLIM_INFINITY);
        void *seen;
        pthread_join(reader, &seen);
        if (seen) wrong("%zu pages left: a reader saw %zu wrong bytes", spare[round], (size_t)seen);
        if (wrong_pages(stores, pages, contents)) wrong("%zu pages left: %zu wrong pages after stores", spare[round], wrong_pages(stores, pages, contents));
        if (wrong_pages(ends, pages, contents)) wrong("%zu pages left: %zu wrong pages after MADV_UNMERGEABLE", spare[round], wrong_pages(ends, pages, contents));
    }
    return 0;
}
