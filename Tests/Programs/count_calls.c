/// Runs a program and prints the number of system calls that it makes, by ptrace: `calls N`.
///
///     count_calls [LIBRARY] -- PROGRAM [ARGUMENT ...]      LIBRARY is loaded before the program's own (LD_PRELOAD)
#include "common.h"
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int count, char **arguments) {
    int program = 1;
    while (program < count && strcmp(arguments[program], "--") != 0) program++;
    if (program >= count - 1) fail("no program");
    pid_t child = fork();
    if (child == 0) {
        if (program == 2) setenv("LD_PRELOAD", arguments[1], 1);
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, 0);
        dup2(nothing, 1);
        close(nothing);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execv(arguments[program + 1], arguments + program + 1);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) fail("the program cannot be traced");
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    long stops = 0;
    for (long signal = 0;;) {
        if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)signal) != 0) break;
        if (waitpid(child, &status, 0) != child) fail("waitpid: %s", strerror(errno));
        if (WIFEXITED(status) || WIFSIGNALED(status)) break;
        int stopped = WSTOPSIG(status);
        stops += stopped == (SIGTRAP | 0x80);
        signal = stopped == (SIGTRAP | 0x80) || stopped == SIGTRAP ? 0 : stopped;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("the program ended with status 0x%x", status);
    // Two stops a call; the last call does not return.
    printf("calls %ld\n", (stops + 1) / 2);
    return 0;
}
