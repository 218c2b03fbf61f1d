// A debugger attaches to a program whose memory keeps merging, and pokes words into it: PTRACE_POKEDATA must never fail.
#include "case.h"
#include <sys/ptrace.h>
enum { pages = 2048, contents = 4 };

static _Noreturn void debugger(int from, pid_t program) {
    char *memory;
    if (read(from, &memory, sizeof memory) != sizeof memory) _exit(1);
    size_t pokes = 0, failures = 0;
    int error = 0, status;
    unsigned seed = 1;
    for (double deadline = now() + seconds_to_try(6); now() < deadline; nap(0.001)) {
        if (ptrace(PTRACE_SEIZE, program, 0, 0)) skip("PTRACE_SEIZE: %s", strerror(errno));
        ptrace(PTRACE_INTERRUPT, program, 0, 0);
        waitpid(program, &status, __WALL);
        for (int i = 0; i < 50; i++, pokes++) {
            void *word = memory + rand_r(&seed) % pages * PAGE;
            errno = 0;
            long value = ptrace(PTRACE_PEEKDATA, program, word, 0);
            if (errno || ptrace(PTRACE_POKEDATA, program, word, value)) failures++, error = errno;
        }
        ptrace(PTRACE_DETACH, program, 0, 0);
    }
    if (failures) wrong("%zu of %zu pokes failed (%s)", failures, pokes, strerror(error));
    _exit(0);
}

int main(void) {
    int channel[2];
    pid_t self = getpid();
    if (pipe(channel)) skip("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (!child) debugger(channel[0], self);
    prctl(PR_SET_PTRACER, child, 0, 0, 0);
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (write(channel[1], &memory, sizeof memory) != sizeof memory) wrong("pipe: %s", strerror(errno));
    int status = status_of(child, 20);
    if (status > 0 && WIFEXITED(status)) _exit(WEXITSTATUS(status)); // it has said what was wrong
    expect_exit("the debugger", status, 0);
    if (wrong_pages(memory, pages, contents)) wrong("%zu pages changed", wrong_pages(memory, pages, contents));
    return 0;
}
