// A program installs a seccomp filter on all its threads (TSYNC) that ends the process for a call it does not make itself.
// Its memory was marked and merged before, and is written afterwards. It must live.
#include "case.h"
enum { pages = 64, contents = 32 };

static _Noreturn void confined(int refused) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    install_filter(&refused, 1, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_TSYNC);
    for (int i = 0; i < 20; i++, nap(0.05)) rewrite(memory, pages);
    munmap(map_pages(1), PAGE);
    _exit(0);
}

int main(void) {
    static const struct { const char *name; int number; } calls[] = {
        {"a filter against ioctl", SYS_ioctl}, {"a filter against tgkill", SYS_tgkill}, {"a filter against recvmsg", SYS_recvmsg}};
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork();
        if (!child) confined(calls[i].number);
        expect_exit(calls[i].name, status_of(child, 12), 0);
    }
    return 0;
}
