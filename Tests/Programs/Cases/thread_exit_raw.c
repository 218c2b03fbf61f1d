// The only thread of a program ends by the exit system call (not exit_group): the process must end, with its status.
#include "case.h"

int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) {
        expect_exit("a program whose main thread ends by the exit system call", run_self("thread", 14), 3);
        return 0;
    }
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    syscall(SYS_exit, 3);
}
