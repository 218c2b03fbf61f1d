// A program unmaps a page of its own, marks the pages beside it, and maps the page again with MAP_FIXED: as loaders and
// allocators do that know their own address space. The new page must hold zeros, and keep them.
#include "case.h"

int main(void) {
    char *mine = map_pages(130);
    for (int i = 0; i < 400; i++) { // fills the gaps above, so that the hole below is where the kernel places a new page
        char *filler = mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (filler < mine) break;
    }
    memset(mine + 65 * PAGE, 7, 65 * PAGE);
    munmap(mine + 64 * PAGE, PAGE);
    mark(mine + 65 * PAGE, 65);
    char *again = mmap(mine + 64 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (double deadline = now() + seconds_to_try(4); now() < deadline; nap(0.2)) {
        size_t other = 0;
        for (size_t i = 0; i < PAGE; i++) other += again[i] != 0;
        if (other) wrong("%zu bytes of a new page are not zero", other);
    }
    return 0;
}
