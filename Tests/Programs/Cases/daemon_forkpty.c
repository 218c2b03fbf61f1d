// A program forks, and its child becomes a daemon by daemon(3), or forks by forkpty(3). Whoever goes on has marked memory,
// which must merge as after fork(): pages that are written for the first time there.
#include "case.h"
#include <pty.h>
enum { pages = 512, contents = 16 };

static _Noreturn void grandchild(const char *how, char *memory, int report) {
    char line[200] = "";
    fill(memory + pages * PAGE, pages, contents);
    size_t frames = 0;
    for (double deadline = now() + (under_samepage() ? 6 : 0); now() < deadline && frames < pages / 2; nap(0.05))
        frames = frames_in(memory + pages * PAGE, pages);
    if (under_samepage() && frames < pages / 2) snprintf(line, sizeof line, "after %s %zu of %d new pages merged", how, frames, pages);
    if (wrong_pages(memory, 2 * pages, contents)) snprintf(line, sizeof line, "after %s content changed", how);
    if (write(report, line, strlen(line) + 1) < 0) _exit(1);
    _exit(0);
}

int main(void) {
    static const char *const ways[] = {"daemon()", "forkpty()"};
    for (int way = 0; way < 2; way++) {
        char *memory = map_pages(2 * pages); // the second half is written by the grandchild
        fill(memory, pages, contents);
        mark(memory, 2 * pages);
        merged_or_plain(memory, pages);
        int report[2], terminal;
        if (pipe(report)) skip("pipe: %s", strerror(errno));
        pid_t child = fork();
        if (!child) {
            pid_t next = way == 0 ? daemon(1, 1) : forkpty(&terminal, NULL, NULL, NULL);
            if (next < 0) skip("%s: %s", ways[way], strerror(errno));
            if (next == 0) grandchild(ways[way], memory, report[1]);
            nap(9); // keeps the terminal of the grandchild
            _exit(0);
        }
        close(report[1]);
        char line[200] = "it ended without a word";
        ssize_t length = read(report[0], line, sizeof line);
        if (way == 1) kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (length <= 0 || line[0]) wrong("%s", line);
    }
    return 0;
}
