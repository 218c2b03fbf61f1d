// Merged memory is written, becomes equal again, and is then the target of a read from a FUSE file with direct I/O, which
// pins the page until the server answers. When read() has returned, the page must hold what was read.
#include "fuse_file.h"
enum { pages = 512 };

int main(void) {
    const char *path = fuse_mount(under_samepage() ? 3 : 0.1);
    char *memory = region(pages, pages / 2), *page = memory + 8 * PAGE;
    merged_or_plain(memory, pages);
    rewrite(page, 1);
    int file = open(path, O_RDONLY);
    if (file < 0) skip("open of a FUSE file: %s", strerror(errno));
    ssize_t length = read(file, page, PAGE);
    if (length != (ssize_t)PAGE) wrong("read returned %zd (%s)", length, strerror(errno));
    size_t lost = 0;
    for (size_t i = 0; i < PAGE; i++) lost += (unsigned char)page[i] != fuse_byte;
    if (lost) wrong("read() returned %zd, but %zu bytes are not what was read", length, lost);
    return 0;
}
