// A program enters namespaces again and again, with unshare, setns and syscall(), while its memory merges: all calls succeed as
// they do plainly, its bytes stay, and what it marks afterwards merges.
#include "case.h"
enum { pages = 256, contents = 8 };

static void check(const char *what, long result) {
    if (!result) return;
    if (errno == EPERM || errno == ENOSYS) skip("%s: %s", what, strerror(errno));
    wrong("%s: %s", what, strerror(errno));
}

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    int mounts = open("/proc/self/ns/mnt", O_RDONLY), time = open("/proc/self/ns/time", O_RDONLY);
    if (mounts < 0 || time < 0) skip("namespaces: %s", strerror(errno));
    for (int i = 0; i < 10; i++) {
        check("setns(mnt)", setns(mounts, CLONE_NEWNS));
        check("syscall(setns, time)", syscall(SYS_setns, time, CLONE_NEWTIME));
        check("unshare(CLONE_VM)", unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
        check("syscall(unshare, CLONE_NEWUTS)", syscall(SYS_unshare, CLONE_NEWUTS));
        check("unshare(CLONE_FILES)", unshare(CLONE_FILES | CLONE_FS));
        rewrite(memory, 8);
        if (wrong_pages(memory, pages, contents)) wrong("pages changed");
    }
    char *second = region(pages, contents);
    merged_or_plain(second, pages);
    check("unshare(CLONE_NEWUSER)", unshare(CLONE_NEWUSER));
    if (wrong_pages(memory, pages, contents) + wrong_pages(second, pages, contents)) wrong("pages changed");
    return 0;
}
