// A program that uses almost no CPU limits itself to one second of it (RLIMIT_CPU) and rewrites a little of its merged memory
// now and then. It must live.
#include "case.h"
enum { pages = 8192 };

int main(void) {
    char *memory = region(pages, 64);
    merged_or_plain(memory, pages);
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    struct rlimit limit = {2, 3};
    if (setrlimit(RLIMIT_CPU, &limit)) skip("RLIMIT_CPU: %s", strerror(errno));
    unsigned seed = 1;
    for (double deadline = now() + seconds_to_try(14); now() < deadline; nap(0.02))
        for (int i = 0; i < 50; i++) rewrite(memory + rand_r(&seed) % pages * PAGE, 1);
    getrusage(RUSAGE_THREAD, &after);
    if (after.ru_utime.tv_sec + after.ru_stime.tv_sec > before.ru_utime.tv_sec + before.ru_stime.tv_sec + 1) skip("a very slow machine");
    return 0;
}
