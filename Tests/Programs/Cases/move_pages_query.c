// move_pages(2) without nodes tells on which node a page lies. For memory that the program has written it must name a node
// also when the page has merged since and nobody has read it, not say that there is no page.
#include "case.h"
enum { pages = 512 };

int main(void) {
    char *never = map_pages(1), *memory = map_pages(pages);
    never[0] = 1;
    for (size_t i = 0; i < pages; i++) *(long *)(memory + i * PAGE) = i / 2 + 1;
    mark(memory, pages);
    nap(seconds_to_try(3)); // merges meanwhile; looking would make the pages present
    void *page = never;
    int node = -1;
    if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0) || node < 0) skip("move_pages: %s", strerror(errno));
    size_t missing = 0;
    for (size_t i = 0; i < pages; i++) {
        page = memory + i * PAGE;
        node = -1;
        if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0)) wrong("move_pages: %s", strerror(errno));
        missing += node < 0;
    }
    if (missing) wrong("move_pages says of %zu of %d pages that they are not there", missing, pages);
    return 0;
}
