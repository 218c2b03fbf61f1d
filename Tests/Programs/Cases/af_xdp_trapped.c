// daemon: --rewritten-pages trap
// Writes to merged pages are caught before they happen; the kernel cannot wait for that when it pins memory for an AF_XDP
// socket. The registration must succeed all the same, and the pages merge again when the socket is closed.
#include "xdp_register.h"
enum { pages = 256, registered = 64, rounds = 8 };

int main(void) {
    char *memory = region(pages, 8);
    for (int round = 0; round < rounds; round++) {
        merged_or_plain(memory, pages);
        char *start = memory + (round % 4) * registered * PAGE;
        int file = xdp_socket();
        if (xdp_register(file, start, registered, round % XDP_WAYS)) wrong("XDP_UMEM_REG in round %d: %s", round, strerror(errno));
        size_t frames = frames_in(start, registered);
        if (frames) wrong("%zu of %d pages that the socket has pinned are frames", frames, registered);
        rewrite(start, registered);
        if (wrong_pages(memory, pages, 8)) wrong("%zu pages changed in round %d", wrong_pages(memory, pages, 8), round);
        close(file);
    }
    merged_or_plain(memory, pages);
    return 0;
}
