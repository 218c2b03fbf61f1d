// Another process writes to merged and rewritten memory by process_vm_writev, and its own source page takes a while to
// arrive (here by userfaultfd; a cold file or swap does the same): the target is pinned meanwhile. No byte may be lost.
#include "case.h"
#include <linux/userfaultfd.h>
enum { pages = 512 };
static int handler;
static char *source;

static void *deliver_late(void *delay) {
    struct uffd_msg message;
    if (read(handler, &message, sizeof message) != sizeof message) return NULL;
    nap(*(double *)delay);
    static char page[PAGE] __attribute__((aligned(PAGE)));
    memset(page, 0xcd, PAGE);
    struct uffdio_copy copy = {.dst = (uintptr_t)source, .src = (uintptr_t)page, .len = PAGE};
    ioctl(handler, UFFDIO_COPY, &copy);
    return NULL;
}

static _Noreturn void writer(int from, pid_t owner) {
    double delay = under_samepage() ? 3 : 0.1;
    struct uffdio_api api = {.api = UFFD_API};
    handler = syscall(SYS_userfaultfd, O_CLOEXEC);
    if (handler < 0 || ioctl(handler, UFFDIO_API, &api)) skip("userfaultfd: %s", strerror(errno));
    source = map_pages(1);
    struct uffdio_register range = {.range = {(uintptr_t)source, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(handler, UFFDIO_REGISTER, &range)) skip("UFFDIO_REGISTER: %s", strerror(errno));
    pthread_t thread;
    pthread_create(&thread, NULL, deliver_late, &delay);
    char *target;
    if (read(from, &target, sizeof target) != sizeof target) _exit(1);
    struct iovec local = {source, PAGE}, remote = {target, PAGE};
    ssize_t length = process_vm_writev(owner, &local, 1, &remote, 1, 0);
    if (length != (ssize_t)PAGE) skip("process_vm_writev: %zd (%s)", length, strerror(errno));
    _exit(0);
}

int main(void) {
    int channel[2];
    pid_t owner = getpid();
    if (pipe(channel)) skip("pipe: %s", strerror(errno));
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    pid_t child = fork();
    if (!child) writer(channel[0], owner);
    char *memory = region(pages, pages / 2), *page = memory + 8 * PAGE;
    merged_or_plain(memory, pages);
    rewrite(page, 1);
    if (write(channel[1], &page, sizeof page) != sizeof page) wrong("pipe: %s", strerror(errno));
    expect_exit("the writer", status_of(child, 15), 0);
    size_t lost = 0;
    for (size_t i = 0; i < PAGE; i++) lost += (unsigned char)page[i] != 0xcd;
    if (lost) wrong("process_vm_writev succeeded, but %zu bytes are not what it wrote", lost);
    return 0;
}
