// Pages of zeros that were written are in memory for mincore and move_pages, merged or not; discarded ones are not.
#include "case.h"
enum { pages = 128 };

static int resident(char *memory) {
    unsigned char states[pages];
    int count = 0;
    if (mincore(memory, pages * PAGE, states)) wrong("mincore: %s", strerror(errno));
    for (int i = 0; i < pages; i++) count += states[i] & 1;
    return count;
}

int main(void) {
    char *zeros = map_pages(pages), *others = region(pages, 4);
    memset(zeros, 0, pages * PAGE);
    mark(zeros, pages);
    merged_or_plain(others, pages);
    nap(seconds_to_try(1));
    if (resident(others) != pages || resident(zeros) != pages) wrong("%d pages and %d pages of zeros are in memory", resident(others), resident(zeros));
    void *list[pages];
    int status[pages];
    for (int i = 0; i < pages; i++) list[i] = zeros + i * PAGE;
    if (syscall(SYS_move_pages, 0, pages, list, NULL, status, 0)) skip("move_pages: %s", strerror(errno));
    for (int i = 0; i < pages; i++)
        if (status[i] < 0) wrong("move_pages of page %d: %s", i, strerror(-status[i]));
    madvise(zeros, pages / 2 * PAGE, MADV_DONTNEED);
    if (resident(zeros) != pages - pages / 2) wrong("half of the zeros was discarded, and %d pages are in memory", resident(zeros));
    return 0;
}
