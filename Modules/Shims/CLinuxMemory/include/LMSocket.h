#ifndef SAMEPAGE_LM_SOCKET_H
#define SAMEPAGE_LM_SOCKET_H

#include "LMFiles.h"
#include <stdint.h>

/// Unix sockets of type SOCK_SEQPACKET: one send is one message, received whole or marked as cut.

enum {
    LM_MSG_DONTWAIT = 0x40,
    /// Never SIGPIPE.
    LM_MSG_NOSIGNAL = 0x4000,
    /// Descriptors passed with one message, at most.
    LM_DESCRIPTORS = 4,
    /// Bytes of the longest path of a socket.
    LM_SOCKET_PATH = 107,
};

/// An address (struct sockaddr_un).
struct lm_socket_address {
    uint16_t family;
    char path[108];
};

/// What came with a message.
struct lm_received {
    /// Bytes of the message; 0 when the other side has closed; or minus the error number.
    long size;
    /// Whether the message was longer than the buffer, or carried more descriptors than fit.
    int cut;
    /// Who sent it, by the kernel's word (SCM_CREDENTIALS); -1 when it does not say.
    int32_t pid, uid, gid;
    int descriptor_count;
    int descriptors[LM_DESCRIPTORS];
};

/// The layout of struct msghdr, struct iovec and struct cmsghdr.
struct lm_message {
    void *name;
    uint32_t name_size;
    struct lm_piece *pieces;
    size_t piece_count;
    void *control;
    size_t control_size;
    int flags;
};

struct lm_control {
    size_t size;
    int level, type;
};

/// An empty socket for messages, close-on-exec and non-blocking; or minus the error number.
static inline int lm_socket(void) { return (int)lm_system_call(SYS_socket, 1, 5 | 0x80000 | 0x800, 0, 0, 0, 0); }

/// connect to a path of at most ``LM_SOCKET_PATH`` bytes.
static inline int lm_connect(int descriptor, const char *path, size_t length) {
    struct lm_socket_address address = {1, {0}};
    if (length > LM_SOCKET_PATH) return -LM_EINVAL;
    __builtin_memcpy(address.path, path, length);
    return (int)lm_system_call(SYS_connect, descriptor, (long)&address, (long)(2 + length + 1), 0, 0, 0);
}

/// bind to a path that does not exist yet.
static inline int lm_bind(int descriptor, const char *path, size_t length) {
    struct lm_socket_address address = {1, {0}};
    if (length > LM_SOCKET_PATH) return -LM_EINVAL;
    __builtin_memcpy(address.path, path, length);
    return (int)lm_system_call(SYS_bind, descriptor, (long)&address, (long)(2 + length + 1), 0, 0, 0);
}

static inline int lm_listen(int descriptor, int backlog) {
    return (int)lm_system_call(SYS_listen, descriptor, backlog, 0, 0, 0, 0);
}

/// accept4, close-on-exec and non-blocking.
static inline int lm_accept(int descriptor) {
    return (int)lm_system_call(SYS_accept4, descriptor, 0, 0, 0x80000 | 0x800, 0, 0);
}

/// setsockopt of SOL_SOCKET with a number.
static inline int lm_socket_option(int descriptor, int option, int value) {
    return (int)lm_system_call(SYS_setsockopt, descriptor, 1, option, (long)&value, sizeof value, 0);
}

enum {
    LM_SO_SNDBUF = 7,
    LM_SO_RCVBUF = 8,
    /// Lets the kernel name the sender of every message.
    LM_SO_PASSCRED = 16,
    LM_SO_PEERPIDFD = 77,
    /// Whether others may send descriptors to the socket (Linux 6.16). One that nobody takes is closed by the
    /// receiver, who waits as long as its file likes: a TCP socket with SO_LINGER, for example.
    LM_SO_PASSRIGHTS = 83,
};

/// A pidfd of the process that connected (Linux 6.5), close-on-exec; or minus the error number.
static inline int lm_peer_pidfd(int descriptor) {
    int pidfd = -1;
    uint32_t size = sizeof pidfd;
    int result = (int)lm_system_call(SYS_getsockopt, descriptor, 1, LM_SO_PEERPIDFD, (long)&pidfd, (long)&size, 0);
    return result < 0 ? result : pidfd;
}

/// Sends one message with up to ``LM_DESCRIPTORS`` descriptors; its bytes, or minus the error number. Never blocks.
static inline long lm_send(int descriptor, const void *bytes, size_t size, const int *descriptors, int count) {
    struct lm_piece piece = {bytes, size};
    struct {
        struct lm_control head;
        int descriptors[LM_DESCRIPTORS];
    } control = {{sizeof(struct lm_control) + (size_t)count * sizeof(int), 1, 1}, {0}};
    struct lm_message message = {0, 0, &piece, 1, 0, 0, 0};
    if (count > LM_DESCRIPTORS) return -LM_EINVAL;
    if (count > 0) {
        for (int i = 0; i < count; i++) control.descriptors[i] = descriptors[i];
        message.control = &control;
        message.control_size = sizeof(struct lm_control) + ((size_t)count * sizeof(int) + 7) / 8 * 8;
    }
    return lm_system_call(SYS_sendmsg, descriptor, (long)&message, LM_MSG_NOSIGNAL | LM_MSG_DONTWAIT, 0, 0, 0);
}

enum {
    /// Bytes that the name of the sender takes, and those that it takes with as many descriptors as are taken.
    LM_ROOM_SENDER = 32,
    LM_ROOM_ALL = 128,
};

/// Receives one message and what fits of its sender and descriptors in `room` bytes, at most ``LM_ROOM_ALL``.
static inline struct lm_received lm_receive_within(int descriptor, void *bytes, size_t capacity, size_t room) {
    struct lm_piece piece = {bytes, capacity};
    _Alignas(8) char control[LM_ROOM_ALL];
    struct lm_message message = {0, 0, &piece, 1, control, room, 0};
    struct lm_received result = {0, 0, -1, -1, -1, 0, {-1, -1, -1, -1}};
    // MSG_CMSG_CLOEXEC
    result.size = lm_system_call(SYS_recvmsg, descriptor, (long)&message, LM_MSG_DONTWAIT | 0x40000000, 0, 0, 0);
    if (result.size < 0) return result;
    // MSG_TRUNC, MSG_CTRUNC
    result.cut = (message.flags & (0x20 | 0x08)) != 0;
    size_t offset = 0;
    while (offset + sizeof(struct lm_control) <= message.control_size) {
        const struct lm_control *head = (const struct lm_control *)(control + offset);
        if (head->size < sizeof *head || offset + head->size > message.control_size) break;
        const char *data = control + offset + sizeof *head;
        size_t length = head->size - sizeof *head;
        if (head->level == 1 && head->type == 1) {
            for (size_t i = 0; i + sizeof(int) <= length; i += sizeof(int)) {
                int passed;
                __builtin_memcpy(&passed, data + i, sizeof passed);
                if (result.descriptor_count < LM_DESCRIPTORS) {
                    result.descriptors[result.descriptor_count++] = passed;
                } else {
                    lm_close(passed);
                    result.cut = 1;
                }
            }
        } else if (head->level == 1 && head->type == 2 && length >= 12) {
            __builtin_memcpy(&result.pid, data, 4);
            __builtin_memcpy(&result.uid, data + 4, 4);
            __builtin_memcpy(&result.gid, data + 8, 4);
        }
        offset += (head->size + 7) / 8 * 8;
    }
    return result;
}

/// Receives one message, its sender and its descriptors (close-on-exec, now the caller's). Never blocks.
static inline struct lm_received lm_receive(int descriptor, void *bytes, size_t capacity) {
    return lm_receive_within(descriptor, bytes, capacity, LM_ROOM_ALL);
}

/// Receives one message and its sender; descriptors that come with it are never opened, and mark it as cut. For
/// messages of those who are not trusted: to close a descriptor of a file system in user space takes as long as that
/// likes.
static inline struct lm_received lm_receive_words(int descriptor, void *bytes, size_t capacity) {
    return lm_receive_within(descriptor, bytes, capacity, LM_ROOM_SENDER);
}

/// One entry of poll (struct pollfd).
struct lm_poll_entry {
    int descriptor;
    int16_t events, found;
};

enum {
    LM_POLL_IN = 1,
    LM_POLL_OUT = 4,
    LM_POLL_ERROR = 8,
    LM_POLL_HANGUP = 16,
};

/// ppoll without a change of the signal mask; `nanoseconds` below 0 waits for ever.
static inline long lm_poll(struct lm_poll_entry *entries, long count, int64_t nanoseconds) {
    int64_t time[2] = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return lm_system_call(SYS_ppoll, (long)entries, count, nanoseconds < 0 ? 0 : (long)time, 0, 8, 0);
}

/// eventfd, close-on-exec and non-blocking.
static inline int lm_eventfd(void) { return (int)lm_system_call(SYS_eventfd2, 0, 0x80000 | 0x800, 0, 0, 0, 0); }

static inline long lm_write(int descriptor, const void *bytes, size_t size) {
    return lm_system_call(SYS_write, descriptor, (long)bytes, (long)size, 0, 0, 0);
}

#endif
