// Much scattered memory has merged, each page a map entry of its own. The program then splits memory of its own by mprotect, into
// 50,000 parts, and joins it again by munmap of every second part: both fit below vm.max_map_count plainly.
#include "case.h"
enum { pages = 60000, parts = 50000 };

int main(void) {
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (!file || fscanf(file, "%ld", &limit) != 1 || limit < parts + 1000 || limit > 70000) skip("vm.max_map_count is %ld", limit);
    unsigned seed = 1;
    char *memory = map_pages(pages), *mine = mmap(NULL, parts * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mine == MAP_FAILED) skip("mmap: %s", strerror(errno));
    for (size_t i = 0; i < pages; i++) fill_page(memory + i * PAGE, rand_r(&seed) % 3000); // no two neighbours alike
    mark(memory, pages);
    nap(seconds_to_try(5));
    for (size_t i = 1; i < parts; i += 2)
        if (mprotect(mine + i * PAGE, PAGE, PROT_NONE)) wrong("mprotect of part %zu: %s", i, strerror(errno));
    for (size_t i = 0; i < parts; i += 2)
        if (munmap(mine + i * PAGE, PAGE)) wrong("munmap of part %zu: %s", i, strerror(errno));
    seed = 1;
    for (size_t i = 0; i < pages; i++) {
        char expected[PAGE] __attribute__((aligned(8)));
        fill_page(expected, rand_r(&seed) % 3000);
        if (memcmp(expected, memory + i * PAGE, PAGE)) wrong("page %zu has changed", i);
    }
    return 0;
}
