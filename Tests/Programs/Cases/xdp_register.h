// What the cases that register memory with an AF_XDP socket have in common.
#ifndef XDP_REGISTER_H
#define XDP_REGISTER_H
#include "case.h"
#include <linux/if_xdp.h>
#include <sys/socket.h>

// The ways in which a program makes the call, and the sizes that the structure has had.
enum { XDP_BY_LIBC, XDP_BY_NUMBER, XDP_WAYS };

static inline int xdp_socket(void) {
    int file = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (file < 0) skip("AF_XDP: %s", strerror(errno));
    return file;
}
// Registers pages with a socket, as programs of different age do: 0, or -1 with errno.
static inline int xdp_register(int file, char *start, size_t pages, int way) {
    struct xdp_umem_reg umem = {.addr = (uintptr_t)start, .len = pages * PAGE, .chunk_size = PAGE};
    if (way == XDP_BY_NUMBER) return syscall(SYS_setsockopt, file, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem);
    return setsockopt(file, SOL_XDP, XDP_UMEM_REG, &umem, offsetof(struct xdp_umem_reg, flags));
}

#endif
