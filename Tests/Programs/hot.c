/// Pages that are written all the time, and then left alone: `hot SECONDS`. Half of 512 pages are written again and again,
/// each other than its twin in the other half; then they become equal, and nobody writes any more.
///
/// Prints `faults COUNT`, the page faults in the second half of the time; then `ok` when all pages are merged.
#include "common.h"
#include <sys/resource.h>

enum { HALF = 256 };

static long faults(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) fail("getrusage: %s", strerror(errno));
    return usage.ru_minflt;
}

static void write_pages(char *memory, double until) {
    for (uint64_t round = 1; now() < until; round++) {
        for (size_t page = 0; page < HALF; page++) {
            volatile uint64_t *word = (uint64_t *)(memory + page * PAGE) + 1;
            if (round > 1 && *word != round - 1) fail("page %zu lost a write", page);
            *word = round;
        }
    }
    // The next call begins at 1 again.
    for (size_t page = 0; page < HALF; page++) ((volatile uint64_t *)(memory + page * PAGE))[1] = 0;
}

int main(int count, char **arguments) {
    double seconds = count > 1 ? atof(arguments[1]) : 6;
    char *memory = map_pages(2 * HALF);
    for (size_t page = 0; page < 2 * HALF; page++) fill_page(memory + page * PAGE, page % HALF);
    write_pages(memory, now());
    mark(memory, 2 * HALF);
    write_pages(memory, now() + seconds / 2);
    long before = faults();
    write_pages(memory, now() + seconds / 2);
    printf("faults %ld\n", faults() - before);
    fflush(stdout);
    for (size_t page = 0; page < HALF; page++) fill_page(memory + page * PAGE, page);
    for (double end = now() + 100; pages_over_files(memory, 2 * HALF) < 2 * HALF; pause_milliseconds(50)) {
        if (now() > end) fail("%zu of %d pages merged", pages_over_files(memory, 2 * HALF), 2 * HALF);
        // The map says nothing of frames that nobody has touched.
        for (size_t page = 0; page < 2 * HALF; page++) {
            if (first_wrong_byte(memory + page * PAGE, page % HALF) < PAGE) fail("page %zu is another", page);
        }
    }
    printf("ok\n");
    return 0;
}
