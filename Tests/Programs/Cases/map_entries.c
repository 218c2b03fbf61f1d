// Much scattered memory of a program has merged, each page a map entry of its own. The program itself then maps 55,000
// ranges, which plainly fits below vm.max_map_count (65,530). It must fit still.
#include "case.h"
enum { pages = 60000, ranges = 55000 };

int main(void) {
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (!file || fscanf(file, "%ld", &limit) != 1 || limit < ranges + 1000 || limit > 70000) skip("vm.max_map_count is %ld", limit);
    unsigned seed = 1;
    char *memory = map_pages(pages);
    for (size_t i = 0; i < pages; i++) fill_page(memory + i * PAGE, rand_r(&seed) % 3000); // no two neighbours alike
    mark(memory, pages);
    size_t frames = 0;
    for (double deadline = now() + seconds_to_try(6); now() < deadline; nap(0.5)) frames = frames_in(memory, pages);
    for (int i = 0; i < ranges; i++)
        if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            wrong("mmap number %d: %s, with %zu pages merged", i, strerror(errno), frames);
    return 0;
}
