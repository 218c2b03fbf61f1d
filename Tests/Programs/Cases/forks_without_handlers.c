// As forks_at_once, for _Fork, clone without CLONE_VM, and fork by number.
#define main forks_main
#include "forks_at_once.c"
#undef main
int main(void) {
    m = region(512, 16);
    merged_or_plain(m, 512);
    char *stack = malloc(1 << 20);
    pid_t c = clone(body, stack + (1 << 20), SIGCHLD, NULL);
    expect_exit("clone", status_of(c, 8), 0);
    if (!(c = syscall(SYS_fork))) _exit(work());
    expect_exit("fork by number", status_of(c, 8), 0);
    if (!(c = _Fork())) _exit(work());
    expect_exit("_Fork", status_of(c, 8), 0);
    struct { uint64_t a[11]; } k = {{0, 0, 0, 0, SIGCHLD}};
    if (!(c = syscall(435, &k, 88))) _exit(work());
    if (c > 0) expect_exit("clone3", status_of(c, 8), 0);
    if (wrong_pages(m, 512, 16)) wrong("pages");
    return 0;
}
