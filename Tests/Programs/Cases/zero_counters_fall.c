// While 'run' is 0, ksm_zero_pages must fall at once when pages of zeros are written, unmapped, mapped over, discarded, unmerged, cut off or
// locked, and when their program ends.
#include "case.h"
enum { pages = 256, ways = 8 };

static char *zeros(void) {
    char *memory = map_pages(pages);
    memset(memory, 0, pages * PAGE);
    mark(memory, pages);
    return memory;
}
static void change(int way, char *memory, pid_t child) {
    switch (way) {
    case 0: for (int i = 0; i < pages; i++) memory[i * PAGE] = 1; break;
    case 1: munmap(memory, pages * PAGE); break;
    case 2: mmap(memory, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
    case 3: madvise(memory, pages * PAGE, MADV_DONTNEED); break;
    case 4: madvise(memory, pages * PAGE, MADV_UNMERGEABLE); break;
    case 5: mremap(memory, pages * PAGE, PAGE, 0); break;
    case 6: mlock(memory, pages * PAGE); break;
    case 7: kill(child, SIGKILL), waitpid(child, NULL, 0); break;
    }
}

int main(int count, char **arguments) {
    if (count > 1) {
        zeros();
        nap(20);
        return 0;
    }
    if (!under_samepage()) return 0;
    for (int way = 0; way < ways; way++) {
        samepage_set("run", "1");
        pid_t child = way == 7 ? start_self("child") : 0;
        char *memory = child ? NULL : zeros();
        long seen = 0;
        for (double end = now() + 10; (seen = samepage_get("ksm_zero_pages")) < pages * 7 / 8; nap(0.05))
            if (now() > end) wrong("way %d: ksm_zero_pages is only %ld", way, seen);
        samepage_set("run", "0");
        change(way, memory, child);
        for (double end = now() + 5; (seen = samepage_get("ksm_zero_pages")) > pages / 8; nap(0.05))
            if (now() > end) wrong("way %d: ksm_zero_pages is still %ld", way, seen);
        if (way == 6) munlockall();
        if (memory && way != 1) munmap(memory, pages * PAGE);
    }
    return 0;
}
