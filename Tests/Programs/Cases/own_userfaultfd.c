// A program registers a userfaultfd of its own over memory that it marked and that has merged, to watch writes and to
// serve missing pages: as virtual machine monitors do for snapshots and post-copy migration. It must be allowed, and work.
#include "case.h"
#include <linux/userfaultfd.h>
enum { pages = 512, contents = 16 };

int main(void) {
    int watch = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};
    if (watch < 0 || ioctl(watch, UFFDIO_API, &api)) skip("userfaultfd: %s", strerror(errno));
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    struct uffdio_register writes = {.range = {(uintptr_t)memory, pages * PAGE}, .mode = UFFDIO_REGISTER_MODE_WP};
    if (ioctl(watch, UFFDIO_REGISTER, &writes)) wrong("UFFDIO_REGISTER for writes: %s", strerror(errno));
    if (ioctl(watch, UFFDIO_UNREGISTER, &writes.range)) wrong("UFFDIO_UNREGISTER: %s", strerror(errno));
    struct uffdio_register missing = {.range = {(uintptr_t)memory, pages * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(watch, UFFDIO_REGISTER, &missing)) wrong("UFFDIO_REGISTER for missing pages: %s", strerror(errno));
    if (wrong_pages(memory, pages, contents)) wrong("%zu pages changed", wrong_pages(memory, pages, contents));
    if (madvise(memory, PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
    static char page[PAGE] __attribute__((aligned(PAGE)));
    memset(page, 'c', PAGE);
    struct uffdio_copy copy = {.dst = (uintptr_t)memory, .src = (uintptr_t)page, .len = PAGE};
    if (ioctl(watch, UFFDIO_COPY, &copy)) wrong("UFFDIO_COPY into a page that is missing: %s", strerror(errno));
    if (memcmp(memory, page, PAGE)) wrong("the page does not hold what UFFDIO_COPY put there");
    return 0;
}
