// A program reads and writes its own memory through /proc/self/mem while it merges, as debuggers, profilers and garbage
// collectors do. Neither may fail, whatever state the page is in.
#include "case.h"
enum { pages = 256, contents = 4 };

int main(void) {
    char *memory = region(pages, contents), page[PAGE], expected[PAGE] __attribute__((aligned(8)));
    merged_or_plain(memory, pages);
    int file = open("/proc/self/mem", O_RDWR);
    if (file < 0) skip("/proc/self/mem: %s", strerror(errno));
    unsigned seed = 1;
    size_t failures = 0, writes = 0;
    int error = 0;
    for (double deadline = now() + seconds_to_try(6); now() < deadline; writes++) {
        size_t i = rand_r(&seed) % pages;
        off_t place = (off_t)(uintptr_t)(memory + i * PAGE);
        fill_page(expected, i % contents);
        if (pread(file, page, PAGE, place) != (ssize_t)PAGE) wrong("read of /proc/self/mem: %s", strerror(errno));
        if (memcmp(page, expected, PAGE)) wrong("/proc/self/mem shows other content than the page has");
        if (pwrite(file, expected, 8, place) != 8) failures++, error = errno;
    }
    if (failures) wrong("%zu of %zu writes to /proc/self/mem failed (%s)", failures, writes, strerror(error));
    if (wrong_pages(memory, pages, contents)) wrong("%zu pages changed", wrong_pages(memory, pages, contents));
    return 0;
}
