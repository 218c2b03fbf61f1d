// A program may queue no signals (RLIMIT_SIGPENDING 0), has signal 16 blocked and pending, and ends merging of its memory: that
// must take no long time, no processor time afterwards, and leave the signal to the program.
#include "case.h"

static double used(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSTKFLT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_SIGPENDING, &none);
    for (int round = 0; round < 20; round++) {
        double start = now();
        madvise(memory, 512 * PAGE, MADV_UNMERGEABLE);
        if (now() - start > 2) wrong("MADV_UNMERGEABLE took %.1f s", now() - start);
        mark(memory, 512);
        if (round == 10) kill(getpid(), SIGSTKFLT);
    }
    if (wrong_pages(memory, 512, 16)) wrong("%zu pages changed", wrong_pages(memory, 512, 16));
    madvise(memory, 512 * PAGE, MADV_UNMERGEABLE);
    nap(0.3);
    double before = used();
    nap(1);
    if (used() - before > 0.2) wrong("%.2f s of processor time in a second of waiting", used() - before);
    struct timespec wait = {0};
    if (sigtimedwait(&set, NULL, &wait) != SIGSTKFLT) wrong("the signal did not arrive");
    return 0;
}
