// A program with merged memory is stopped (SIGSTOP), 'run' becomes 2, and it is continued. Its pages must then end up its own.
#include "case.h"
enum { pages = 4096, contents = 2048 };

static _Noreturn void hold(int report, int go) {
    char *memory = region(pages, contents), byte = 0;
    merged_or_plain(memory, pages);
    if (write(report, &byte, 1) != 1 || read(go, &byte, 1) != 1) _exit(2);
    size_t frames = frames_in(memory, pages);
    for (double deadline = now() + 6; frames && now() < deadline; nap(0.1)) frames = frames_in(memory, pages);
    if (frames) wrong("'run' is 2, but a program that was stopped before still shares %zu of %d pages", frames, pages);
    if (wrong_pages(memory, pages, contents)) wrong("content changed");
    _exit(0);
}

int main(void) {
    int report[2], go[2];
    char byte = 0;
    if (pipe(report) || pipe(go)) skip("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (!child) hold(report[1], go[0]);
    close(report[1]);
    if (read(report[0], &byte, 1) != 1) return 1; // it has said why
    kill(child, SIGSTOP);
    nap(seconds_to_try(3));
    samepage_set("run", "2");
    kill(child, SIGCONT);
    if (write(go[1], &byte, 1) != 1) wrong("pipe: %s", strerror(errno));
    int status = status_of(child, 15);
    samepage_set("run", "1");
    if (status > 0 && WIFEXITED(status)) return 1; // it has said what was wrong
    expect_exit("the program that was stopped", status, 0);
    return 0;
}
