// MSG_ZEROCOPY lends pages to a socket whose reader is slow: what the program writes before they are read must show, also when the
// pages have found twins meanwhile.
#include "case.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
enum { pages = 1024, contents = 4, zerocopy = 60, lend = 0x4000000 };

static size_t send_all(int way, int from, const char *memory) {
    size_t sent = 0;
    while (sent < pages * PAGE) {
        struct iovec piece = {(char *)memory + sent, pages * PAGE - sent};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        struct mmsghdr list = {.msg_hdr = message};
        ssize_t more = way == 0   ? send(from, piece.iov_base, piece.iov_len, lend)
                       : way == 1 ? sendmsg(from, &message, lend)
                       : way == 2 ? (sendmmsg(from, &list, 1, lend) == 1 ? (ssize_t)list.msg_len : -1)
                                  : syscall(SYS_sendto, from, piece.iov_base, piece.iov_len, lend, NULL, 0);
        if (more <= 0) break;
        sent += more;
    }
    return sent;
}

static void try(int way) {
    int small = 4096, large = 8 << 20, on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(from, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
    if (bind(listener, (void *)&address, size) || listen(listener, 1)) skip("bind: %s", strerror(errno));
    getsockname(listener, (void *)&address, &size);
    if (setsockopt(from, SOL_SOCKET, zerocopy, &on, sizeof on)) skip("SO_ZEROCOPY: %s", strerror(errno));
    if (connect(from, (void *)&address, sizeof address)) skip("connect: %s", strerror(errno));
    int to = accept(listener, NULL, NULL);
    fcntl(from, F_SETFL, O_NONBLOCK);

    char *memory = region(pages, contents);
    size_t sent = send_all(way, from, memory);
    if (sent < 400 * PAGE) skip("only %zu bytes fit into the socket", sent);
    char *twin = region(pages, contents);
    merged_or_plain(twin, pages);
    nap(seconds_to_try(1));
    // What the reader has room for is copied at once.
    size_t first = sent / PAGE / 2, last = sent / PAGE - 1, seen = 0, got = 0;
    for (size_t i = first; i < last; i++) memory[i * PAGE + 200] = 'W';
    char *read = map_pages(pages);
    while (got < sent) {
        ssize_t more = recv(to, read + got, sent - got, 0);
        if (more <= 0) wrong("recv: %s", strerror(errno));
        got += more;
    }
    for (size_t i = first; i < last; i++) seen += read[i * PAGE + 200] == 'W';
    if (seen < (last - first) * 9 / 10) wrong("way %d: the reader saw %zu of %zu pages as they were written", way, seen, last - first);
    close(listener), close(from), close(to);
    munmap(memory, pages * PAGE), munmap(twin, pages * PAGE), munmap(read, pages * PAGE);
}

int main(void) {
    for (int way = 0; way < 4; way++) try(way);
    return 0;
}
