// A program lends pages to a pipe by vmsplice, and writes to them before the reader has come. The pipe holds the pages
// themselves, so the reader must get what was written last, also if the pages were candidates for merging meanwhile.
#include "case.h"
enum { pages = 64, lent = 16 };

int main(void) {
    char *memory = region(pages, 2);
    int channel[2];
    if (pipe(channel) || fcntl(channel[1], F_SETPIPE_SZ, 1 << 20) < 0) skip("pipe: %s", strerror(errno));
    struct iovec piece = {memory, lent * PAGE};
    ssize_t length = vmsplice(channel[1], &piece, 1, 0);
    if (length != (ssize_t)(lent * PAGE)) skip("vmsplice: %zd (%s)", length, strerror(errno));
    nap(seconds_to_try(2)); // pages that are lent need not merge
    memset(memory, 'N', lent * PAGE);
    char *got = map_pages(lent);
    for (size_t n = 0; n < lent * PAGE; n += length)
        if ((length = read(channel[0], got + n, lent * PAGE - n)) <= 0) wrong("read of the pipe: %s", strerror(errno));
    size_t old = 0;
    for (size_t i = 0; i < lent; i++) old += got[i * PAGE + 100] != 'N';
    if (old) wrong("%zu of %d lent pages came with the content before the last write", old, lent);
    return 0;
}
