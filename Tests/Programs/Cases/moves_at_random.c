// Memory that merges is moved, swapped, made longer and shorter, discarded, protected and mapped anew, in all orders: every page
// must be what was written there last.
#include "case.h"
enum { most = 512, regions = 6 };
static struct region {
    char *start;
    size_t pages;
    uint64_t content[most];
} all[regions];
static uint64_t state = 1;

static unsigned any(unsigned limit) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state >> 33) % limit;
}
static void put(struct region *it, size_t page, uint64_t content) {
    uint64_t *words = (uint64_t *)(it->start + page * PAGE);
    for (size_t i = 0; i < PAGE / 8; i++) words[i] = content;
    it->content[page] = content;
}
static void are_zeros(struct region *it, size_t first, size_t count) { memset(it->content + first, 0, count * 8); }
static void check(struct region *it, const char *what) {
    for (size_t page = 0; page < it->pages; page++) {
        uint64_t *words = (uint64_t *)(it->start + page * PAGE);
        for (size_t i = 0; i < PAGE / 8; i += 73)
            if (words[i] != it->content[page]) wrong("after %s page %zu holds %lx, not %lx", what, page, words[i], it->content[page]);
    }
}
static char *reserve(size_t pages) { return mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static bool move(char *from, char *to, size_t pages) {
    return mremap(from, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
}

static const char *change(struct region *it) {
    size_t first = any(it->pages), count = 1 + any(it->pages - first), more = 1 + any(64);
    if (any(2) && count > 16) count = 1 + any(16);
    char *place = it->start + first * PAGE;
    switch (any(9)) {
    case 0:
        for (size_t i = first; i < first + count; i++) put(it, i, 1000 + any(64));
        return "writing";
    case 1:
        if (madvise(place, count * PAGE, any(4) ? MADV_DONTNEED : MADV_FREE)) wrong("madvise: %s", strerror(errno));
        for (size_t i = first; i < first + count; i++) put(it, i, any(2) ? 0 : 1000 + i % 16);
        return "discarding and writing";
    case 2:
        if (madvise(place, count * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
        are_zeros(it, first, count);
        return "discarding";
    case 3: {
        if (it->pages + more > most) return "nothing";
        char *target = any(2) ? reserve(it->pages + more) : NULL;
        int flags = target ? MREMAP_MAYMOVE | MREMAP_FIXED : any(3) ? MREMAP_MAYMOVE : 0;
        char *grown = mremap(it->start, it->pages * PAGE, (it->pages + more) * PAGE, flags, target);
        // Where the program has moved parts, the kernel refuses.
        if (grown == MAP_FAILED && (errno == EFAULT || errno == ENOMEM)) return "nothing";
        if (grown == MAP_FAILED) wrong("mremap that grows: %s", strerror(errno));
        it->start = grown;
        are_zeros(it, it->pages, more);
        it->pages += more;
        return "growing";
    }
    case 4:
        if (it->pages < 40 || more > 30) return "nothing";
        if (munmap(it->start + (it->pages - more) * PAGE, more * PAGE)) wrong("munmap: %s", strerror(errno));
        it->pages -= more;
        return "shrinking";
    case 5: {
        char *target = reserve(it->pages);
        if (!move(it->start, target, it->pages)) wrong("mremap that moves: %s", strerror(errno));
        it->start = target;
        return "moving";
    }
    case 6: {
        static char *free_place;
        size_t second = any(it->pages);
        if (first > second) {
            size_t swap = first;
            first = second;
            second = swap;
        }
        if (count > second - first) count = second - first;
        if (count > it->pages - second) count = it->pages - second;
        if (!count) return "nothing";
        if (!free_place) free_place = reserve(most);
        char *low = it->start + first * PAGE, *high = it->start + second * PAGE;
        if (!move(low, free_place, count) || !move(high, low, count) || !move(free_place, high, count)) wrong("mremap that swaps: %s", strerror(errno));
        mmap(free_place, most * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        for (size_t i = 0; i < count; i++) {
            uint64_t content = it->content[first + i];
            it->content[first + i] = it->content[second + i];
            it->content[second + i] = content;
        }
        return "swapping";
    }
    case 7:
        mprotect(place, count * PAGE, PROT_READ);
        if (any(2)) {
            if (madvise(place, count * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED of read-only memory: %s", strerror(errno));
            are_zeros(it, first, count);
        }
        mprotect(it->start, it->pages * PAGE, PROT_READ | PROT_WRITE);
        return "protecting";
    default:
        if (mmap(place, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place) wrong("mmap: %s", strerror(errno));
        are_zeros(it, first, count);
        if (any(2)) mark(place, count);
        return "mapping anew";
    }
}

int main(void) {
    for (size_t i = 0; i < regions; i++) {
        all[i].pages = 64 + any(128);
        all[i].start = map_pages(all[i].pages);
        for (size_t page = 0; page < all[i].pages; page++) put(&all[i], page, 1000 + page % (i % 2 ? 64 : 16));
        mark(all[i].start, all[i].pages);
    }
    for (size_t i = 0; i < regions; i++) merged_or_plain(all[i].start, all[i].pages);
    state += getpid();
    double end = now() + (under_samepage() ? 1.5 : 0.2);
    while (now() < end) {
        struct region *it = &all[any(regions)];
        check(it, change(it));
        if (!any(16)) nap(any(20) / 1000.0);
    }
    return 0;
}
