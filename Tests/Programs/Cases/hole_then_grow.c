// A program cuts holes into a large mapping of its own, marks what is left, and lets it grow into the holes again by mremap. Each
// hole is free, so each growth in place must succeed, and the new pages are zeros that stay so.
#include "case.h"
enum { parts = 16, half = 64 };

int main(void) {
    char *whole = map_pages(parts * 2 * half);
    for (int i = 0; i < parts; i++) {
        char *part = whole + i * 2 * half * PAGE;
        fill(part, half, 4);
        munmap(part + half * PAGE, half * PAGE);
    }
    mark(whole, half);
    for (int i = 1; i < parts; i++) mark(whole + i * 2 * half * PAGE, half);
    merged_or_plain(whole, half);
    for (int i = 0; i < parts; i++) {
        char *part = whole + i * 2 * half * PAGE;
        if (mremap(part, half * PAGE, 2 * half * PAGE, 0) != part) wrong("part %d does not grow in place: %s", i, strerror(errno));
    }
    for (double deadline = now() + seconds_to_try(1); now() < deadline; nap(0.2))
        for (int i = 0; i < parts; i++) {
            char *part = whole + i * 2 * half * PAGE;
            if (wrong_pages(part, half, 4)) wrong("part %d has changed", i);
            for (size_t at = half * PAGE; at < 2 * half * PAGE; at++)
                if (part[at]) wrong("part %d: a new page is not zero", i);
        }
    if (munmap(whole, parts * 2 * half * PAGE)) wrong("munmap: %s", strerror(errno));
    return 0;
}
