// A program of one thread whose memory is merged enters namespaces (setns, unshare) and leaves what it shares (CLONE_VM,
// CLONE_SIGHAND): calls that the kernel allows to programs of one thread only. All must succeed as they do plainly.
#include "case.h"

static void check(const char *what, int result) {
    if (!result) return;
    if (errno == EPERM || errno == ENOENT || errno == EBADF) skip("%s: %s", what, strerror(errno));
    wrong("%s: %s", what, strerror(errno));
}

int main(void) {
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    check("setns to its own mount namespace", setns(open("/proc/self/ns/mnt", O_RDONLY), CLONE_NEWNS));
    check("unshare(CLONE_NEWTIME)", unshare(CLONE_NEWTIME));
    check("setns to its own time namespace", setns(open("/proc/self/ns/time", O_RDONLY), CLONE_NEWTIME));
    check("unshare(CLONE_NEWUSER)", unshare(CLONE_NEWUSER));
    check("unshare(CLONE_VM)", unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
    if (wrong_pages(memory, 512, 16)) wrong("%zu pages changed", wrong_pages(memory, 512, 16));
    return 0;
}
