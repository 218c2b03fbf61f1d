// A process made by clone(CLONE_VM) goes on when its parent has ended, and changes merged memory.
#include "case.h"
static char *memory;
static int pipes[2];
static int body(void *x) {
    char c = 'x';
    nap(0.5);
    if (wrong_pages(memory, 512, 16)) c = 'w';
    else if (madvise(memory, 64 * PAGE, MADV_DONTNEED) || memory[5]) c = 'd';
    else if (mprotect(memory + 64 * PAGE, 64 * PAGE, PROT_READ)) c = 'p';
    else if (mlock(memory + 128 * PAGE, 64 * PAGE)) c = 'l';
    else if (madvise(memory + 256 * PAGE, 64 * PAGE, MADV_UNMERGEABLE) && getenv("SAMEPAGE_SOCKET")) c = 'u';
    else if (mremap(memory + 320 * PAGE, 64 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED) c = 'r';
    else if (munmap(memory + 400 * PAGE, 64 * PAGE)) c = 'm';
    else c = 'k';
    if (write(pipes[1], &c, 1) != 1) _exit(1);
    _exit(0);
}
int main(void) {
    if (pipe(pipes)) skip("pipe");
    pid_t child = fork();
    if (!child) {
        memory = region(512, 16);
        merged_or_plain(memory, 512);
        char *stack = map_pages(64);
        if (clone(body, stack + 60 * PAGE, CLONE_VM | SIGCHLD, NULL) < 0) wrong("clone");
        _exit(0);
    }
    expect_exit("parent", status_of(child, 15), 0);
    close(pipes[1]);
    char c = 'h';
    alarm(10);
    signal(SIGALRM, SIG_IGN);
    struct timespec t;
    (void)t;
    fd_set s;
    FD_ZERO(&s);
    FD_SET(pipes[0], &s);
    struct timeval tv = {8, 0};
    if (select(pipes[0] + 1, &s, NULL, NULL, &tv) != 1) wrong("the process hangs");
    if (read(pipes[0], &c, 1) != 1) wrong("the process was ended");
    if (c != 'k') wrong("at step %c", c);
    return 0;
}
