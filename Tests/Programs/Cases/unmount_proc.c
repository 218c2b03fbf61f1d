// A program in a mount namespace of its own unmounts /proc, which nobody else uses there.
#include "case.h"
#include <sys/mount.h>
enum { pages = 128, contents = 4 };

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) skip("mount namespace: %s", strerror(errno));
    if (mount("proc", "/proc", "proc", 0, NULL)) skip("mount: %s", strerror(errno));
    char *more = region(pages, contents);
    merged_or_plain(more, pages);
    if (umount("/proc")) wrong("umount: %s", strerror(errno));
    if (mount("proc", "/proc", "proc", 0, NULL)) wrong("mount again: %s", strerror(errno));
    nap(seconds_to_try(0.5));
    if (umount2("/proc", UMOUNT_NOFOLLOW)) wrong("umount2: %s", strerror(errno));
    if (umount2("/proc/self", UMOUNT_NOFOLLOW) != -1 || errno != EINVAL) wrong("umount2 of no mount: %s", strerror(errno));
    madvise(memory, pages / 2 * PAGE, MADV_DONTNEED);
    for (size_t i = 0; i < pages / 2 * PAGE; i++)
        if (memory[i]) wrong("discarded memory is not zero");
    fill(memory, pages / 2, contents);
    if (wrong_pages(memory, pages, contents) || wrong_pages(more, pages, contents)) wrong("content changed");
    return 0;
}
