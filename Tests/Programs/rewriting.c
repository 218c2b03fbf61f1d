/// How sharing lasts while a program rewrites what is merged: `rewriting [ROUNDS [EVERY]]` (100, 7). In each round every
/// EVERY-th of 1,024 pages with 16 contents is changed by one store, made equal again, and the program waits until the
/// kernel says that all pages are merged, 3 seconds at most: by Samepage, or by ksmd, which needs root. Prints how many pages
/// were shared, and what the first stores to merged pages took; FAILED if a byte is wrong.
#include "common.h"

enum { pages = 1024, contents = 16, most = 100000 };

static int pagemap, kpageflags;
static char *memory;
static double took[most];
static int stores;

/// Whether ksmd has merged a page (KPF_KSM), by its entry in the page map.
static int is_of_ksmd(uint64_t entry) {
    uint64_t frame = entry & ((1ull << 55) - 1), flags = 0;
    if (kpageflags < 0 || frame == 0) return 0;
    return pread(kpageflags, &flags, sizeof flags, (off_t)(frame * 8)) == sizeof flags && flags >> 21 & 1;
}

static char is_shared[pages];

/// Pages that are of a file, though they were mapped as anonymous ones, and so still are their frames, or ksmd's.
static size_t shared(void) {
    static uint64_t map[pages];
    size_t count = 0;
    if (pread(pagemap, map, sizeof map, (off_t)((uintptr_t)memory / PAGE * 8)) != (ssize_t)sizeof map) fail("pagemap");
    for (size_t page = 0; page < pages; page++)
        count += (is_shared[page] = map[page] >> 61 & 1 || is_of_ksmd(map[page]));
    return count;
}

/// Reads all pages, as the map says nothing of frames that nobody has touched.
static void check(size_t changed, size_t every, uint64_t value) {
    for (size_t page = 0; page < pages; page++) {
        volatile uint64_t *words = (uint64_t *)(memory + page * PAGE);
        uint64_t expected = page % every == changed ? value : content_word(page % contents, 1);
        if (words[1] != expected) fail("page %zu has %lx instead of %lx", page, words[1], expected);
        if (words[0] != content_word(page % contents, 0)) fail("page %zu is another", page);
    }
}

/// Waits until everything is shared, or nothing more comes.
static size_t settle(int round) {
    size_t best = 0;
    int same = 0;
    for (double end = now() + 3; now() < end && best < pages && same < 60; pause_milliseconds(5)) {
        check(pages, pages + 1, 0);
        size_t found = shared();
        if (found > best) best = found, same = 0;
        else same += best > 0 || round > 0;
    }
    return best;
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
    int rounds = count > 1 ? atoi(arguments[1]) : 100;
    size_t every = count > 2 ? (size_t)atoi(arguments[2]) : 7;
    pagemap = open("/proc/self/pagemap", O_RDONLY);
    kpageflags = open("/proc/kpageflags", O_RDONLY);
    memory = map_pages(pages);
    for (size_t page = 0; page < pages; page++) fill_page(memory + page * PAGE, page % contents);
    mark(memory, pages);
    for (int round = 0; round <= rounds; round++) {
        size_t found = settle(round);
        if (round < 2 || round == 5 || round % 10 == 0) printf("round %3d: %4zu of %d shared\n", round, found, pages);
        fflush(stdout);
        if (round == rounds) break;
        size_t changed = (size_t)round % every;
        for (size_t page = changed; page < pages; page += every) {
            double start = now();
            ((volatile uint64_t *)(memory + page * PAGE))[1] = (uint64_t)round;
            if (stores < most && is_shared[page]) took[stores++] = now() - start;
        }
        check(changed, every, (uint64_t)round);
        for (size_t page = changed; page < pages; page += every) fill_page(memory + page * PAGE, page % contents);
    }
    qsort(took, (size_t)stores, sizeof *took, compare);
    if (stores > 0)
        printf("%d stores: median %.1f us, 99 %% below %.1f us\n", stores, took[stores / 2] * 1e6,
               took[(size_t)stores * 99 / 100] * 1e6);
    return 0;
}
