// A program registers memory as buffers of io_uring again and again while pages of that memory are just being merged. Each
// registration must succeed; the pages that are pinned are no frames, and what the kernel writes through the pins is there.
#include "case.h"
#include <linux/io_uring.h>
#include <sys/uio.h>
enum { pages = 512, registered = 128 };

int main(void) {
    struct io_uring_params parameters = {0};
    int ring = syscall(SYS_io_uring_setup, 4, &parameters);
    if (ring < 0) skip("io_uring: %s", strerror(errno));
    char *memory = region(pages, 16);
    merged_or_plain(memory, pages);
    size_t rounds = 0;
    for (double deadline = now() + seconds_to_try(6); now() < deadline; rounds++) {
        char *start = memory + (rounds % 4) * registered * PAGE;
        // New pages of the same content merge within some scans; every second time they are frames already.
        if (rounds % 8 < 4) {
            madvise(start, registered * PAGE, MADV_DONTNEED);
            fill(start, registered, 16);
        }
        nap((rounds * 7 % 20) / 1000.0);
        struct iovec buffer = {start, registered * PAGE};
        if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1)) wrong("IORING_REGISTER_BUFFERS in round %zu: %s", rounds, strerror(errno));
        for (int look = 0; look < 3; look++) {
            size_t frames = frames_in(start, registered);
            if (frames) wrong("%zu of %d pages that the ring has pinned are frames in round %zu", frames, registered, rounds);
            nap(0.003);
        }
        if (wrong_pages(memory, pages, 16)) wrong("%zu pages changed in round %zu", wrong_pages(memory, pages, 16), rounds);
        if (syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0)) wrong("IORING_UNREGISTER_BUFFERS: %s", strerror(errno));
    }
    return 0;
}
