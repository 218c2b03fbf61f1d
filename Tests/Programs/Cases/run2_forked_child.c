// A program with merged memory forks while 'run' is 0, so the merger has not seen the child. 'run' 2 must then give every
// page back, the child's too.
#include "case.h"
enum { pages = 4096, contents = 2048 };

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    samepage_set("run", "0");
    int go[2];
    if (pipe(go)) skip("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (!child) {
        char byte;
        close(go[1]);
        if (read(go[0], &byte, 1) < 0) _exit(1);
        size_t frames = frames_in(memory, pages);
        if (frames) wrong("one second after 'run' 2 a forked child still shares %zu of %d pages", frames, pages);
        if (wrong_pages(memory, pages, contents)) wrong("content changed in the child");
        _exit(0);
    }
    nap(seconds_to_try(1));
    samepage_set("run", "2");
    nap(seconds_to_try(1));
    size_t frames = frames_in(memory, pages);
    if (frames) wrong("one second after 'run' 2 the parent still shares %zu of %d pages", frames, pages);
    close(go[1]);
    int status = status_of(child, 10);
    samepage_set("run", "1");
    if (status > 0 && WIFEXITED(status)) return 1; // it has said what was wrong
    expect_exit("the child", status, 0);
    return 0;
}
