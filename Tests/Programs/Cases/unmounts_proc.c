// A program whose memory is merged makes a mount namespace of its own and unmounts /proc, changes its root by pivot_root and unmounts
// the old one.
#include "case.h"
#include <sys/mount.h>
#include <sys/stat.h>
int main(void) {
    char *m = region(512, 16);
    merged_or_plain(m, 512);
    if (unshare(CLONE_NEWNS)) skip("unshare: %s", strerror(errno));
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) skip("mount: %s", strerror(errno));
    mkdir("p", 0755); mkdir("r", 0755);
    if (mount("proc", "p", "proc", 0, NULL)) skip("mount proc: %s", strerror(errno));
    nap(seconds_to_try(1));
    rewrite(m, 64);
    if (umount("p")) wrong("umount of a proc: %s", strerror(errno));
    char line[300];
    // everything below /proc first
    for (int tries = 0; tries < 20; tries++) {
        FILE *f = fopen("/proc/self/mounts", "r");
        char a[100], b[200], last[200] = "";
        while (fgets(line, 300, f)) if (sscanf(line, "%99s %199s", a, b) == 2 && !strncmp(b, "/proc/", 6)) strcpy(last, b);
        fclose(f);
        if (!*last) break;
        umount(last);
    }
    for (int k = 0; k < 3; k++) {
        nap(seconds_to_try(0.4));
        if (umount2("/proc", 0)) wrong("umount of /proc: %s", strerror(errno));
        if (mount("proc", "/proc", "proc", 0, NULL)) wrong("mount of /proc: %s", strerror(errno));
        madvise(m, 64 * PAGE, MADV_MERGEABLE);
        rewrite(m, 64);
    }
    // What is merged can only be moved with the help of a /proc that was there for a while.
    nap(seconds_to_try(2));
    if (mount("tmpfs", "r", "tmpfs", 0, NULL)) skip("tmpfs");
    mkdir("r/old", 0755);
    if (syscall(SYS_pivot_root, "r", "r/old")) wrong("pivot_root: %s", strerror(errno));
    chdir("/");
    if (umount2("/old", MNT_DETACH)) wrong("umount of the old root: %s", strerror(errno));
    if (rmdir("/old")) wrong("rmdir: %s", strerror(errno));
    if (wrong_pages(m, 512, 16)) wrong("pages");
    if (madvise(m, 64 * PAGE, MADV_DONTNEED) || m[0] || m[63 * PAGE]) wrong("dontneed");
    char *n = mremap(m + 128 * PAGE, 64 * PAGE, 80 * PAGE, MREMAP_MAYMOVE);
    if (n == MAP_FAILED || wrong_pages(n, 64, 16)) wrong("mremap: %s", strerror(errno));
    return 0;
}
