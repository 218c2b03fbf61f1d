// A program registers memory with AF_XDP sockets again and again while pages of that memory are just being merged. The kernel
// pins without waiting: each registration must succeed, the pages that are pinned are no frames and stay what they are, and
// when the socket is closed they merge again.
#include "xdp_register.h"
enum { pages = 512, registered = 128 };

// The registration reads a structure of the program's: the kernel says so where there is none.
static void expect_bad_addresses(void) {
    int file = xdp_socket();
    char *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct xdp_umem_reg end;
    if (setsockopt(file, SOL_XDP, XDP_UMEM_REG, nowhere, sizeof end) == 0 || errno != EFAULT) wrong("an unreadable structure: %s", strerror(errno));
    if (setsockopt(file, SOL_XDP, XDP_UMEM_REG, (void *)8, sizeof end) == 0 || errno != EFAULT) wrong("no structure: %s", strerror(errno));
    if (setsockopt(file, SOL_XDP, XDP_UMEM_REG, nowhere, 8) == 0 || errno != EINVAL) wrong("a short structure: %s", strerror(errno));
    close(file);
}

int main(void) {
    expect_bad_addresses();
    char *memory = region(pages, 16);
    merged_or_plain(memory, pages);
    size_t rounds = 0;
    for (double deadline = now() + seconds_to_try(6); now() < deadline; rounds++) {
        char *start = memory + (rounds % 4) * registered * PAGE;
        // New pages of the same content: they merge within some scans, one run after the other.
        madvise(start, registered * PAGE, MADV_DONTNEED);
        fill(start, registered, 16);
        int file = xdp_socket();
        nap((rounds * 7 % 20) / 1000.0);
        if (xdp_register(file, start, registered, rounds % XDP_WAYS)) wrong("XDP_UMEM_REG in round %zu: %s", rounds, strerror(errno));
        for (int look = 0; look < 3; look++) {
            size_t frames = frames_in(start, registered);
            if (frames) wrong("%zu of %d pages that the socket has pinned are frames in round %zu", frames, registered, rounds);
            nap(0.003);
        }
        if (wrong_pages(memory, pages, 16)) wrong("%zu pages changed in round %zu", wrong_pages(memory, pages, 16), rounds);
        close(file);
    }
    merged_or_plain(memory, pages);
    if (wrong_pages(memory, pages, 16)) wrong("%zu pages changed at the end", wrong_pages(memory, pages, 16));
    return 0;
}
