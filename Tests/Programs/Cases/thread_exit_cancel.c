// Another thread cancels the main thread (pthread_cancel) and returns: with it the last thread of the program has ended,
// so the process must end, with status 0.
#include "case.h"

static void *cancel(void *main_thread) {
    nap(0.1);
    pthread_cancel(*(pthread_t *)main_thread);
    nap(0.2);
    return NULL;
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) {
        expect_exit("a program whose main thread is cancelled", run_self("thread", 14), 0);
        return 0;
    }
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    pthread_t self = pthread_self(), other;
    pthread_create(&other, NULL, cancel, &self);
    for (;;) pause();
}
