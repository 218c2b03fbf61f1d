// A program registers marked and merged memory as the UMEM of an AF_XDP socket, whose pages a network device then writes
// for as long as the socket lives. None of them may be replaced by a frame: the device would write to a page nobody reads.
#include "case.h"
#include <linux/if_xdp.h>
#include <sys/socket.h>
enum { pages = 128, registered = 64 };

int main(void) {
    char *memory = region(pages, registered);
    merged_or_plain(memory, pages);
    int file = socket(AF_XDP, SOCK_RAW, 0);
    if (file < 0) skip("AF_XDP: %s", strerror(errno));
    struct xdp_umem_reg umem = {.addr = (uintptr_t)memory, .len = registered * PAGE, .chunk_size = PAGE};
    if (setsockopt(file, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem)) skip("XDP_UMEM_REG: %s", strerror(errno));
    for (double deadline = now() + seconds_to_try(4); now() < deadline; nap(0.1)) {
        size_t frames = frames_in(memory, registered);
        if (frames) wrong("%zu of %d pages that the socket has pinned are frames now", frames, registered);
    }
    if (wrong_pages(memory, pages, registered)) wrong("%zu pages changed", wrong_pages(memory, pages, registered));
    return 0;
}
