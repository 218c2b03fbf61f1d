// A thread is cancelled while it waits in send, sendto, sendmsg or sendmmsg: it cleans up, and is joined.
#include "case.h"
#include <sys/socket.h>
enum { ways = 4, size = 65536 };
static volatile int cleaned;
static int way;
static void clean(void *nothing) { (void)nothing, cleaned++; }

static void *send_on(void *to) {
    int socket = *(int *)to;
    static char bytes[size];
    struct iovec piece = {bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct mmsghdr list = {.msg_hdr = message};
    pthread_cleanup_push(clean, NULL);
    while ((way == 0   ? send(socket, bytes, size, 0)
            : way == 1 ? sendto(socket, bytes, size, 0, NULL, 0)
            : way == 2 ? sendmsg(socket, &message, 0)
                       : sendmmsg(socket, &list, 1, 0)) > 0)
        continue;
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void) {
    merged_or_plain(region(64, 2), 64);
    for (way = 0; way < ways; way++) {
        int ends[2];
        pthread_t thread;
        void *result;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) skip("socketpair: %s", strerror(errno));
        cleaned = 0;
        pthread_create(&thread, NULL, send_on, ends);
        nap(0.2);
        pthread_cancel(thread);
        struct timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += 5;
        if (pthread_timedjoin_np(thread, &result, &end)) wrong("way %d: the thread did not end", way);
        if (result != PTHREAD_CANCELED || cleaned != 1) wrong("way %d: the thread was not cancelled, or did not clean up", way);
        close(ends[0]), close(ends[1]);
    }
    return 0;
}
