// The main thread ends by pthread_exit() before anything is marked; another thread marks memory, works, and returns. It was
// the program's last one, so the process must end, with status 0.
#include "case.h"

static void *work(void *argument) {
    nap(0.2);
    char *memory = region(512, 16);
    nap(seconds_to_try(2)); // it need not merge
    if (wrong_pages(memory, 512, 16)) wrong("%zu pages changed", wrong_pages(memory, 512, 16));
    return argument;
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) {
        expect_exit("a program whose main thread ends before memory is marked", run_self("thread", 14), 0);
        return 0;
    }
    pthread_t other;
    pthread_create(&other, NULL, work, NULL);
    pthread_exit(NULL);
}
