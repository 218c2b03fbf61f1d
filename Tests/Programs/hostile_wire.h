/// The language of agents, as someone speaks it who keeps to no rule. See Modules/Linux/Wire.
#ifndef PROGRAMS_HOSTILE_WIRE_H
#define PROGRAMS_HOSTILE_WIRE_H

#include "common.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
    HELLO = 1, AREA_ADDED = 2, AREA_REMOVED = 3, WELCOME = 16, REFUSED = 17, SEGMENT = 18, OBSERVE = 32, CHECKSUM = 33,
    UPLOAD = 34, MERGE = 35, UNMERGE = 36, FORGET = 37, EVACUATE = 38, STATISTICS = 39,
    LONGEST = 32768, UPLOAD_PAGES = 256, SEGMENT_BYTES = 64 << 20,
};

struct header { uint16_t kind, flags; uint32_t count; uint64_t sequence; };
struct hello { uint32_t version, page_size, flags, userfault; uint64_t salt; };
struct area { uint32_t area, pages; uint64_t first; };
struct observed { uint32_t done, error; uint64_t calls; };
struct page_set { uint64_t words[8]; };
struct digest { uint64_t high, low; };
struct site { uint32_t area, index, frame, reserved; };

/// A message: its head and what follows.
struct message {
    struct header head;
    unsigned char rest[LONGEST + 4096];
};

static const char *socket_path;
static uint64_t salt;
static uint64_t random_state;

static inline uint64_t chance(uint64_t below) {
    random_state += 0x9E3779B97F4A7C15u;
    return mixed(random_state) % below;
}

static inline int connect_kind(const char *path, int kind) {
    int s = socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0) return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) fail("the path is too long");
    strcpy(address.sun_path, path);
    if (connect(s, (struct sockaddr *)&address, sizeof address) != 0) {
        close(s);
        return -1;
    }
    return s;
}

/// Sends; a full socket is waited for a little. `false`: the other side has closed.
static inline int say_bytes(int s, const void *bytes, size_t size) {
    for (int tries = 0; tries < 50; tries++) {
        if (send(s, bytes, size, MSG_NOSIGNAL) == (ssize_t)size) return 1;
        if (errno != EAGAIN) return 0;
        struct pollfd entry = {s, POLLOUT, 0};
        poll(&entry, 1, 10);
    }
    return 1;
}

static inline int say(
    int s, uint16_t kind, uint16_t flags, uint32_t count, uint64_t sequence, const void *rest, size_t size) {
    struct message m = {{kind, flags, count, sequence}, {0}};
    if (size > sizeof m.rest) size = sizeof m.rest;
    if (size > 0) memcpy(m.rest, rest, size);
    return say_bytes(s, &m, sizeof m.head + size);
}

static inline int say_hello(int s) {
    struct hello hello = {1, PAGE, 0, 0, salt};
    return say(s, HELLO, 0, 0, 0, &hello, sizeof hello);
}

static inline int add_area(int s, uint32_t number, uint64_t first, uint32_t pages) {
    struct area area = {number, pages, first};
    return say(s, AREA_ADDED, 0, 1, 0, &area, sizeof area);
}

/// Receives a message and its descriptors within so many milliseconds: its bytes; 0 when the other side has closed, -1
/// when nothing comes.
static inline ssize_t hear(int s, struct message *m, int milliseconds, int files[4], int *count) {
    struct pollfd entry = {s, POLLIN, 0};
    *count = 0;
    if (poll(&entry, 1, milliseconds) <= 0) return -1;
    struct iovec piece = {m, sizeof *m};
    union { struct cmsghdr head; char room[256]; } control;
    struct msghdr all = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(s, &all, MSG_CMSG_CLOEXEC);
    if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&all); c != NULL; c = CMSG_NXTHDR(&all, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t passed = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < passed; i++) {
            int file;
            memcpy(&file, CMSG_DATA(c) + i * sizeof file, sizeof file);
            if (*count < 4) files[(*count)++] = file; else close(file);
        }
    }
    return size;
}

/// Connects and is welcomed; the upload buffer and the device are -1 where there is none. -1 if it is not let in.
static inline int join(int *upload, int *device) {
    int s = connect_kind(socket_path, SOCK_SEQPACKET);
    *upload = *device = -1;
    if (s < 0) return -1;
    struct message m;
    int files[4], count;
    if (say_hello(s) && hear(s, &m, 2000, files, &count) > 0 && m.head.kind == WELCOME) {
        if (count > 0) *upload = files[0];
        if (count > 1) *device = files[1];
        return s;
    }
    close(s);
    return -1;
}

/// Sends a message with descriptors; 0, or the error number.
static inline int pass(int s, const void *bytes, size_t size, const int *files, size_t count) {
    static char room[CMSG_SPACE(sizeof(int) * 253)];
    struct iovec piece = {(void *)bytes, size};
    struct msghdr all = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&all);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), files, sizeof(int) * count);
    return sendmsg(s, &all, MSG_NOSIGNAL) < 0 ? errno : 0;
}

#endif
