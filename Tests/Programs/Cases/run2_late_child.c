// A program forks while 'run' is 0; 'run' becomes 2 before the child is known to the merger, or at the same moment. The
// child must end without frames, and so must a grandchild that is forked while 'run' is 2.
#include "run2.h"
enum { pages = 1024, contents = 512 };

static void check(char *memory, const char *who) { must_own(memory, pages, contents, 4, who); }

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    samepage_set("run", "0");
    pid_t child = fork();
    if (!child) {
        nap(seconds_to_try(0.1));
        pid_t grandchild = fork();
        if (!grandchild) {
            nap(seconds_to_try(1));
            check(memory, "a grandchild");
            _exit(0);
        }
        nap(seconds_to_try(1));
        check(memory, "a child");
        int status = status_of(grandchild, 10);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
    }
    samepage_set("run", "2");
    check(memory, "the parent");
    int status = status_of(child, 15);
    samepage_set("run", "1");
    if (status > 0 && WIFEXITED(status)) return 1; // it has said what was wrong
    expect_exit("the child", status, 0);
    return 0;
}
