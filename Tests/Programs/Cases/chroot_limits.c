// After chroot into an empty folder, or with a limit of no more open files, a program changes memory that has merged: mremap,
// madvise. Such calls need no file, so they must succeed as they do plainly.
#include "case.h"
enum { pages = 512, contents = 16 };

static void check(const char *how, const char *what, bool succeeded) {
    if (!succeeded) wrong("%s: %s: %s", how, what, strerror(errno));
}

static _Noreturn void change(const char *how) {
    char *growing = region(pages, contents), *still = region(pages, contents), *third = region(pages, contents);
    merged_or_plain(growing, pages);
    merged_or_plain(still, pages);
    merged_or_plain(third, pages);
    mprotect(still, pages * PAGE, PROT_READ);
    if (!strcmp(how, "chroot")) {
        char folder[] = "empty.XXXXXX";
        if (!mkdtemp(folder) || chroot(folder) || chdir("/")) skip("chroot: %s", strerror(errno));
    } else {
        struct rlimit none = {0, 0};
        if (setrlimit(RLIMIT_NOFILE, &none)) skip("RLIMIT_NOFILE: %s", strerror(errno));
    }
    char *grown = mremap(growing, pages * PAGE, (pages + 188) * PAGE, MREMAP_MAYMOVE);
    check(how, "mremap that grows", grown != MAP_FAILED);
    if (wrong_pages(grown, pages, contents)) wrong("%s: mremap lost %zu pages", how, wrong_pages(grown, pages, contents));
    check(how, "MADV_DONTNEED of read-only memory", !madvise(still, pages * PAGE, MADV_DONTNEED));
    for (size_t i = 0; i < pages; i++) if (still[i * PAGE]) wrong("%s: discarded memory is not zero", how);
    char *moved = mremap(grown, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    check(how, "MREMAP_DONTUNMAP", moved != MAP_FAILED);
    check(how, "MADV_NOHUGEPAGE", !madvise(third, pages / 2 * PAGE, MADV_NOHUGEPAGE) || errno == EINVAL);
    check(how, "MADV_WIPEONFORK", !madvise(third, pages * PAGE, MADV_WIPEONFORK));
    check(how, "MADV_UNMERGEABLE", !madvise(third, pages * PAGE, MADV_UNMERGEABLE) || !under_samepage());
    _exit(0);
}

int main(int count, char **arguments) {
    if (count > 1) change(arguments[1]);
    static const char *const ways[] = {"RLIMIT_NOFILE 0", "chroot"};
    for (size_t i = 0; i < 2; i++) {
        int status = run_self(ways[i], 14);
        if (status > 0 && WIFEXITED(status)) return WEXITSTATUS(status); // it has said why
        expect_exit(ways[i], status, 0);
    }
    return 0;
}
