// What cases of 'run' 2 look at.
#include "case.h"

// Within so many seconds a program shares none of its pages any more, and they hold what they held.
static inline void must_own(char *memory, int pages, int contents, double seconds, const char *who) {
    size_t frames = frames_in(memory, pages);
    for (double end = now() + seconds; frames && now() < end; nap(0.1)) frames = frames_in(memory, pages);
    if (frames) wrong("'run' is 2, but %s still shares %zu of %d pages", who, frames, pages);
    if (wrong_pages(memory, pages, contents)) wrong("content changed in %s", who);
}
