// A program blocks signal 16 (SIGSTKFLT), is sent it as a process, and takes it by sigtimedwait. Each must reach it.
#include "case.h"

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSTKFLT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    int got = 0;
    for (int i = 0; i < 50; i++) {
        struct timespec wait = {.tv_nsec = 20000000};
        kill(getpid(), SIGSTKFLT);
        nap(0.002);
        got += sigtimedwait(&set, NULL, &wait) == SIGSTKFLT;
    }
    if (got != 50) wrong("of 50 signals %d arrived", got);
    return 0;
}
