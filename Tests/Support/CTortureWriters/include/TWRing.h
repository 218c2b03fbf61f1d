#ifndef SAMEPAGE_TW_RING_H
#define SAMEPAGE_TW_RING_H

#include "TWProcess.h"
#include <linux/io_uring.h>

/// An io_uring for one operation at a time.
struct tw_ring {
    int descriptor;
    unsigned char *queues;
    size_t queues_size;
    struct io_uring_sqe *entries;
    size_t entries_size;
    struct io_uring_params params;
};

/// Opens a ring; minus the error number where the kernel has or permits none.
static inline int tw_ring_open(struct tw_ring *ring) {
    __builtin_memset(ring, 0, sizeof *ring);
    ring->descriptor = (int)tw_result(syscall(SYS_io_uring_setup, 4L, &ring->params));
    if (ring->descriptor < 0) return ring->descriptor;
    if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP)) {
        close(ring->descriptor);
        return -ENOSYS;
    }
    size_t submissions = ring->params.sq_off.array + ring->params.sq_entries * sizeof(unsigned);
    size_t completions = ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_size = submissions > completions ? submissions : completions;
    ring->queues = (unsigned char *)mmap(
        0, ring->queues_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, IORING_OFF_SQ_RING);
    ring->entries_size = ring->params.sq_entries * sizeof(struct io_uring_sqe);
    ring->entries = (struct io_uring_sqe *)mmap(
        0, ring->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, IORING_OFF_SQES);
    if (ring->queues == MAP_FAILED || ring->entries == MAP_FAILED) {
        close(ring->descriptor);
        return -ENOMEM;
    }
    return 0;
}

static inline void tw_ring_close(struct tw_ring *ring) {
    munmap(ring->queues, ring->queues_size);
    munmap(ring->entries, ring->entries_size);
    close(ring->descriptor);
}

/// Registers one buffer: its pages are pinned until it is unregistered.
static inline int tw_ring_pin(struct tw_ring *ring, uintptr_t address, size_t size) {
    struct iovec buffer = {(void *)address, size};
    return (int)tw_result(syscall(SYS_io_uring_register, (long)ring->descriptor, (long)IORING_REGISTER_BUFFERS, &buffer, 1L));
}

static inline int tw_ring_unpin(struct tw_ring *ring) {
    return (int)tw_result(syscall(SYS_io_uring_register, (long)ring->descriptor, (long)IORING_UNREGISTER_BUFFERS, 0L, 0L));
}

/// Reads from a descriptor into the registered buffer, through its pins; waits for the end. Bytes read.
static inline long tw_ring_read(struct tw_ring *ring, int from, uintptr_t to, size_t size) {
    unsigned char *queues = ring->queues;
    unsigned mask = *(unsigned *)(queues + ring->params.sq_off.ring_mask);
    unsigned *tail = (unsigned *)(queues + ring->params.sq_off.tail);
    unsigned *order = (unsigned *)(queues + ring->params.sq_off.array);
    unsigned slot = *tail & mask;
    struct io_uring_sqe *entry = &ring->entries[slot];
    __builtin_memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_READ_FIXED;
    entry->fd = from;
    entry->addr = to;
    entry->len = (unsigned)size;
    entry->off = (uint64_t)-1;
    entry->buf_index = 0;
    order[slot] = slot;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    unsigned *head = (unsigned *)(queues + ring->params.cq_off.head);
    unsigned *end = (unsigned *)(queues + ring->params.cq_off.tail);
    unsigned to_submit = 1;
    while (__atomic_load_n(end, __ATOMIC_ACQUIRE) == *head) {
        long done = syscall(
            SYS_io_uring_enter, (long)ring->descriptor, (long)to_submit, 1L, (long)IORING_ENTER_GETEVENTS, 0L, 0L);
        if (done < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) return -errno;
        if (done > 0) to_submit = 0;
    }
    unsigned last = *(unsigned *)(queues + ring->params.cq_off.ring_mask);
    struct io_uring_cqe *all = (struct io_uring_cqe *)(queues + ring->params.cq_off.cqes);
    long result = all[*head & last].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    return result;
}

#endif
