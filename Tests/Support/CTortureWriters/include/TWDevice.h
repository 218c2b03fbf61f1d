#ifndef SAMEPAGE_TW_DEVICE_H
#define SAMEPAGE_TW_DEVICE_H

#include "TWProcess.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

/// A network device (the loopback of a network namespace of its own) that writes what it receives into registered memory
/// (the UMEM of an AF_XDP socket).
struct tw_device {
    /// Our network namespace, and the device's.
    int home, space;
    /// Where packets are sent; what directs them to the socket.
    int sender, map, program, link;
    /// The socket, and its rings: pages to fill, and packets received.
    int socket;
    unsigned char *fill, *received;
    size_t fill_size, received_size;
    struct xdp_mmap_offsets offsets;
};

enum {
    TW_DEVICE_RING = 16,
    /// A packet lands behind so many bytes of its page.
    TW_DEVICE_HEADROOM = 256,
    TW_DEVICE_SHORTEST = 16,
};

/// Takes the calling thread into a network namespace.
static inline int tw_enter_network(int space) { return (int)tw_result(syscall(SYS_setns, (long)space, (long)CLONE_NEWNET)); }

static inline int tw_bpf(int command, union bpf_attr *arguments) {
    return (int)tw_result(syscall(SYS_bpf, (long)command, arguments, sizeof *arguments));
}

/// Loads a program that directs each packet to the socket of its queue, and attaches it to the loopback.
static inline int tw_device_direct(struct tw_device *device) {
    union bpf_attr map = {0};
    map.map_type = BPF_MAP_TYPE_XSKMAP;
    map.key_size = map.value_size = 4;
    map.max_entries = 1;
    device->map = tw_bpf(BPF_MAP_CREATE, &map);
    if (device->map < 0) return device->map;
    struct bpf_insn code[] = {
        {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = offsetof(struct xdp_md, rx_queue_index)},
        {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = device->map},
        {0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_DROP},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr load = {0}, attach = {0};
    load.prog_type = BPF_PROG_TYPE_XDP;
    load.insns = (uintptr_t)code;
    load.insn_cnt = sizeof code / sizeof code[0];
    load.license = (uintptr_t)"Apache-2.0";
    device->program = tw_bpf(BPF_PROG_LOAD, &load);
    if (device->program < 0) return device->program;
    attach.link_create.prog_fd = (unsigned)device->program;
    attach.link_create.target_ifindex = 1;
    attach.link_create.attach_type = BPF_XDP;
    attach.link_create.flags = XDP_FLAGS_SKB_MODE;
    device->link = tw_bpf(BPF_LINK_CREATE, &attach);
    return device->link < 0 ? device->link : 0;
}

/// In the device's namespace: the loopback comes up, and has a sender.
static inline int tw_device_prepare(struct tw_device *device) {
    device->space = (int)tw_result(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    device->sender = (int)tw_result(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (device->sender < 0) return device->sender;
    struct ifreq loopback = {.ifr_name = "lo"};
    loopback.ifr_flags = IFF_UP;
    struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_ifindex = 1};
    if (ioctl(device->sender, SIOCSIFFLAGS, &loopback) || bind(device->sender, (struct sockaddr *)&place, sizeof place)) {
        return -errno;
    }
    return tw_device_direct(device);
}

static inline void tw_device_close(struct tw_device *device) {
    int files[] = {device->home, device->space, device->sender, device->map, device->program, device->link};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] >= 0) close(files[i]);
    }
}

/// Makes a device; minus the error number where the kernel has or permits none.
static inline int tw_device_open(struct tw_device *device) {
    device->space = device->sender = device->map = device->program = device->link = device->socket = -1;
    device->home = (int)tw_result(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    int result = device->home < 0 ? device->home : (int)tw_result(syscall(SYS_unshare, (long)CLONE_NEWNET));
    if (result == 0) {
        result = tw_device_prepare(device);
        int back = tw_enter_network(device->home);
        if (back < 0) result = back;
    }
    if (result < 0) tw_device_close(device);
    return result;
}

/// The rings of a socket, whose memory is registered.
static inline int tw_device_map(struct tw_device *device) {
    int entries = TW_DEVICE_RING, file = device->socket;
    socklen_t length = sizeof device->offsets;
    if (setsockopt(file, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof entries)
        || setsockopt(file, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof entries)
        || setsockopt(file, SOL_XDP, XDP_RX_RING, &entries, sizeof entries)
        || getsockopt(file, SOL_XDP, XDP_MMAP_OFFSETS, &device->offsets, &length)) {
        return -errno;
    }
    device->fill_size = device->offsets.fr.desc + TW_DEVICE_RING * sizeof(uint64_t);
    device->received_size = device->offsets.rx.desc + TW_DEVICE_RING * sizeof(struct xdp_desc);
    device->fill = (unsigned char *)mmap(
        0, device->fill_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, XDP_UMEM_PGOFF_FILL_RING);
    device->received = (unsigned char *)mmap(
        0, device->received_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, XDP_PGOFF_RX_RING);
    return device->fill == MAP_FAILED || device->received == MAP_FAILED ? -ENOMEM : 0;
}

/// Gives whole pages to the device: they are pinned until `tw_device_unpin`.
static inline int tw_device_pin(struct tw_device *device, uintptr_t address, size_t size) {
    int result = tw_enter_network(device->space);
    if (result < 0) return result;
    device->socket = (int)tw_result(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    result = tw_enter_network(device->home);
    if (result < 0 || device->socket < 0) return result < 0 ? result : device->socket;
    device->fill = device->received = (unsigned char *)MAP_FAILED;
    struct xdp_umem_reg memory = {.addr = address, .len = size, .chunk_size = 4096};
    struct sockaddr_xdp place = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = 1};
    // The kernel pins here without waiting: a page that is just being merged cannot be had for a moment.
    for (int tries = 0; setsockopt(device->socket, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) != 0; tries++) {
        if ((errno != ENOMEM && errno != EFAULT) || tries == 1000) return -errno;
        // Nor can it wait for a trapped page: the program writes to it first, here without a change.
        for (size_t place = 0; tries % 100 == 99 && place < size; place += 4096) {
            char *byte = (char *)(address + place), value = *byte;
            __atomic_compare_exchange_n(byte, &value, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        }
        usleep(100);
    }
    result = tw_device_map(device);
    if (result < 0) return result;
    // The queue is free only some time after the socket before it was closed, by forked children too.
    for (int tries = 0; bind(device->socket, (struct sockaddr *)&place, sizeof place) != 0; tries++) {
        if (errno != EBUSY || tries == 60000) return -errno;
        usleep(1000);
    }
    uint32_t queue = 0;
    union bpf_attr entry = {0};
    entry.map_fd = (unsigned)device->map;
    entry.key = (uintptr_t)&queue;
    entry.value = (uintptr_t)&device->socket;
    return tw_bpf(BPF_MAP_UPDATE_ELEM, &entry);
}

static inline void tw_device_unpin(struct tw_device *device) {
    if (device->socket < 0) return;
    if (device->fill != MAP_FAILED) munmap(device->fill, device->fill_size);
    if (device->received != MAP_FAILED) munmap(device->received, device->received_size);
    close(device->socket);
    device->socket = -1;
}

/// Lets the device write a packet into a page (counted from the first that was pinned), behind its headroom, and waits for
/// it. Bytes written, or minus the error number.
static inline long tw_device_write(struct tw_device *device, size_t page, const void *packet, size_t size) {
    const struct xdp_ring_offset *fill = &device->offsets.fr, *received = &device->offsets.rx;
    uint32_t *producer = (uint32_t *)(device->fill + fill->producer);
    ((uint64_t *)(device->fill + fill->desc))[*producer % TW_DEVICE_RING] = page * 4096;
    __atomic_store_n(producer, *producer + 1, __ATOMIC_RELEASE);
    if (send(device->sender, packet, size, 0) != (ssize_t)size) return -errno;
    uint32_t *consumer = (uint32_t *)(device->received + received->consumer);
    uint32_t *end = (uint32_t *)(device->received + received->producer);
    struct pollfd file = {device->socket, POLLIN, 0};
    for (int tries = 0; __atomic_load_n(end, __ATOMIC_ACQUIRE) == *consumer; tries++) {
        if (tries == 20) return -ETIMEDOUT;
        poll(&file, 1, 100);
    }
    struct xdp_desc got = ((struct xdp_desc *)(device->received + received->desc))[*consumer % TW_DEVICE_RING];
    __atomic_store_n(consumer, *consumer + 1, __ATOMIC_RELEASE);
    return got.addr == page * 4096 + TW_DEVICE_HEADROOM ? (long)got.len : -EBADMSG;
}

#endif
