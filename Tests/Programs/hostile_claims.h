/// Somebody who says to be somebody else.
#ifndef PROGRAMS_HOSTILE_CLAIMS_H
#define PROGRAMS_HOSTILE_CLAIMS_H

#include "hostile_wire.h"

/// Somebody else's name: forged, inherited, handed on.
static inline void claims(void) {
    int upload, device, s = join(&upload, &device);
    if (s < 0) return;
    struct ucred lies[] = {{1, getuid(), getgid()}, {getpid(), 0, 0}, {getppid(), getuid(), getgid()}};
    for (size_t i = 0; i < 3; i++) {
        union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(struct ucred))]; } control;
        struct message m = {{AREA_REMOVED, 0, 1, 0}, {0}};
        struct iovec piece = {&m, 32};
        struct msghdr all = {
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_CREDENTIALS;
        control.head.cmsg_len = CMSG_LEN(sizeof(struct ucred));
        memcpy(CMSG_DATA(&control.head), &lies[i], sizeof lies[i]);
        if (sendmsg(s, &all, MSG_NOSIGNAL) > 0 && lies[i].pid != getpid()) fail("the kernel lets a sender lie");
    }
    static int turn;
    int speaks = turn++ % 2 == 0;
    pid_t child = fork();
    if (child == 0) {
        // A child speaks on its parent's connection, or has one made and leaves it to the parent.
        if (speaks) add_area(s, 5, 0x30000, 16);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    add_area(s, 6, 0x40000, 16);
    close(s);
    close(upload);
    if (device >= 0) close(device);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return;
    child = fork();
    if (child == 0) {
        int mine = connect_kind(socket_path, SOCK_SEQPACKET);
        if (mine >= 0) pass(pair[1], "x", 1, &mine, 1);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    // The number of the one that connected is free now.
    struct message m;
    int files[4], count;
    if (hear(pair[0], &m, 100, files, &count) > 0 && count > 0) {
        int found = files[0];
        say_hello(found);
        if (hear(found, &m, 1000, files, &count) > 0 && m.head.kind == WELCOME) fail("let in by another's name");
        close(found);
    }
    close(pair[0]);
    close(pair[1]);
}

#endif
