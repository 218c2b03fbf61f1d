/// Marks two ranges, and when a line of input says so takes the second away and marks a third. Ends with its input.
#include "common.h"

enum { PAGES = 256 };

static char *map_filled(void) {
    // A page that nobody marks keeps it apart from others.
    char *memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap: %s", strerror(errno));
    memset(memory, 1, PAGES * PAGE);
    return memory;
}

int main(void) {
    char byte, *first = map_filled(), *second = map_filled(), *third = map_filled();
    mark(first, PAGES);
    mark(second, PAGES);
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (read(0, &byte, 1) != 1) return 1;
    if (munmap(second, PAGES * PAGE) != 0) fail("munmap: %s", strerror(errno));
    mark(third, PAGES);
    printf("gone\n");
    fflush(stdout);
    while (read(0, &byte, 1) == 1) {}
    return first[0] != 1 || third[0] != 1;
}
