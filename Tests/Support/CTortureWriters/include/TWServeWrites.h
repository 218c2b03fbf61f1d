#ifndef SAMEPAGE_TW_SERVE_WRITES_H
#define SAMEPAGE_TW_SERVE_WRITES_H

#include "TWSlowSource.h"
#include <pthread.h>
#include <time.h>

/// What the parent asks of the child that writes into it.
struct tw_command {
    uint64_t address;
    uint64_t size;
    /// Nanoseconds that the write has to wait for one page of its source; 0 for none.
    uint64_t stall;
};

/// A child that writes into its parent.
struct tw_writer {
    struct tw_slow_source source;
    const unsigned char *buffer;
    size_t missing;
    uint64_t stall;
};

/// Brings the page that a write misses, after its time.
static inline void *tw_bring_late(void *argument) {
    struct tw_writer *writer = (struct tw_writer *)argument;
    for (;;) {
        if (!tw_slow_wait(&writer->source, -1)) continue;
        struct timespec time = {0, (long)writer->stall};
        nanosleep(&time, 0);
        tw_slow_bring(&writer->source, writer->missing, writer->buffer + writer->missing, 4096);
    }
    return 0;
}

/// Writes whole pages out of a source with one page missing: those before and behind it are pinned as long as it takes.
static inline int64_t tw_write_stalled(struct tw_writer *writer, int parent, const struct tw_command *command) {
    size_t pages = command->size / 4096;
    writer->missing = command->address / 4096 % pages * 4096;
    writer->stall = command->stall;
    tw_slow_clear(&writer->source);
    size_t behind = writer->missing + 4096;
    if (writer->missing > 0) tw_slow_bring(&writer->source, 0, writer->buffer, writer->missing);
    if (behind < command->size) {
        tw_slow_bring(&writer->source, behind, writer->buffer + behind, command->size - behind);
    }
    return tw_vm_write(parent, (uintptr_t)command->address, writer->source.bytes, command->size);
}

/// The child's whole life: copies what the parent asks for out of `buffer`, which they share, into the parent. Where
/// userfaultfd is not permitted nothing stalls.
static inline void tw_serve_writes(int descriptor, int parent, const void *buffer, size_t size) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct tw_writer writer = {.buffer = (const unsigned char *)buffer};
    struct tw_command command;
    pthread_t thread;
    int stalls = tw_slow_open(&writer.source, size) == 0 && pthread_create(&thread, 0, tw_bring_late, &writer) == 0;
    while (read(descriptor, &command, sizeof command) == (ssize_t)sizeof command) {
        int64_t answer = stalls && command.stall > 0
            ? tw_write_stalled(&writer, parent, &command)
            : tw_vm_write(parent, (uintptr_t)command.address, buffer, command.size);
        if (write(descriptor, &answer, sizeof answer) != (ssize_t)sizeof answer) break;
    }
    _exit(0);
}

/// Asks the child for a write; bytes written, or minus the error number.
static inline long tw_ask_for_write(int descriptor, uintptr_t address, size_t size, uint64_t stall) {
    struct tw_command command = {address, size, stall};
    int64_t answer = -EPIPE;
    if (write(descriptor, &command, sizeof command) != (ssize_t)sizeof command) return -errno;
    return read(descriptor, &answer, sizeof answer) == (ssize_t)sizeof answer ? (long)answer : -EPIPE;
}

#endif
