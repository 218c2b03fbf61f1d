/// Descriptors that nobody has asked for, some of which are hard to get rid of.
#ifndef PROGRAMS_HOSTILE_DESCRIPTORS_H
#define PROGRAMS_HOSTILE_DESCRIPTORS_H

#include "hostile_wire.h"
#include <netinet/in.h>

/// A TCP connection whose end waits for its data.
static int lingering(int *others) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), mine = socket(AF_INET, SOCK_STREAM, 0);
    others[0] = listener, others[1] = -1;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0) return mine;
    getsockname(listener, (struct sockaddr *)&address, &size);
    if (connect(mine, (struct sockaddr *)&address, size) != 0) return mine;
    others[1] = accept(listener, NULL, NULL);
    struct linger linger = {1, 30};
    setsockopt(mine, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    static char data[65536];
    while (send(mine, data, sizeof data, MSG_DONTWAIT) > 0) {}
    return mine;
}

/// Leaves the last descriptor of such a connection in a message that nobody takes: its end is the daemon's, and takes
/// as long as the other side keeps the data waiting.
static void linger_at(const char *path, int kind) {
    if (fork() != 0) return;
    int others[2], slow = lingering(others), s = connect_kind(path, kind);
    if (s >= 0) {
        say_bytes(s, "x", 1);
        int is_passed = pass(s, "x\n", 2, &slow, 1) == 0;
        // Not passed, it is the sender's own to wait for.
        if (!is_passed) setsockopt(slow, SOL_SOCKET, SO_LINGER, &(struct linger){0, 0}, sizeof(struct linger));
        close(slow);
        if (is_passed) pause_milliseconds(30000);
    }
    // At the end of a process nothing lingers.
    _exit(0);
}

/// Descriptors with messages: all kinds, one or hundreds, some whose end takes long.
static inline void descriptors(void) {
    static int is_lingering;
    int pipes[2], pair[2], others[2] = {-1, -1}, files[253];
    if (pipe(pipes) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return;
    int folder = open("/", O_RDONLY), memory = memfd_create("x", 0), slow = lingering(others);
    int upload, device;
    char path[200];
    snprintf(path, sizeof path, "%s.control", socket_path);
    if (!is_lingering++) linger_at(socket_path, SOCK_SEQPACKET), linger_at(path, SOCK_STREAM);
    int sockets[3] = {
        connect_kind(socket_path, SOCK_SEQPACKET), join(&upload, &device), connect_kind(path, SOCK_STREAM)};
    for (int i = 0; i < 3; i++) {
        if (sockets[i] < 0) continue;
        int kinds[] = {slow, pipes[0], pair[1], folder, memory, sockets[i]};
        struct message m = {{HELLO, 0, 0, 0}, {0}};
        for (int k = 0; k < 40; k++) {
            for (int f = 0; f < 253; f++) files[f] = kinds[(k + f) % 6];
            pass(sockets[i], &m, sizeof m.head + chance(64), files, k % 2 ? 1 : 253);
        }
        pass(sockets[i], "get run\n", 8, &slow, 1);
    }
    setsockopt(slow, SOL_SOCKET, SO_LINGER, &(struct linger){0, 0}, sizeof(struct linger));
    close(slow);
    for (int i = 0; i < 3; i++) if (sockets[i] >= 0) close(sockets[i]);
    int all[] = {pipes[0], pipes[1], pair[0], pair[1], folder, memory, others[0], others[1], upload, device};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) if (all[i] >= 0) close(all[i]);
}

#endif
