// A tracer that wants to know of new threads traces a program of one thread that marks memory: it must see none.
#include "case.h"
#include <sys/ptrace.h>
enum { pages = 128, contents = 4 };

int main(void) {
    pid_t child = fork();
    if (!child) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(77);
        raise(SIGSTOP);
        char *memory = region(pages, contents);
        nap(1);
        madvise(memory, PAGE, MADV_DONTNEED);
        _exit(memory[0] != 0 || wrong_pages(memory + contents * PAGE, pages - contents, contents) != 0);
    }
    int status, threads = 0;
    if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) skip("PTRACE_TRACEME");
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE);
    ptrace(PTRACE_CONT, child, 0, 0);
    pid_t who;
    while ((who = waitpid(-1, &status, __WALL)) > 0) {
        if (who != child) threads++;
        if (WIFSTOPPED(status)) ptrace(PTRACE_CONT, who, 0, 0);
        else if (who == child) break;
    }
    if (threads) wrong("%d stops of threads that the program has not started", threads);
    expect_exit("the child", status, 0);
    return 0;
}
