// The only thread of a program ends by thrd_exit(): the process must end, with status 0.
#include "case.h"
#include <threads.h>

int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) expect_exit("a program whose main thread ends by thrd_exit", run_self("thread", 14), 0);
    else {
        char *memory = region(512, 16);
        merged_or_plain(memory, 512);
        thrd_exit(0);
    }
    return 0;
}
