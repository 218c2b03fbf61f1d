// Memory that was merged is written, becomes equal again, and is then the target of a read with O_DIRECT, for which the
// file is opened anew each time: the device writes to pages that the kernel has pinned. Each read must leave what it read.
// idea: Linux, Documentation/core-api/pin_user_pages.rst, case 1 (direct I/O)
#include "case.h"
#include <sys/vfs.h>
enum { pages = 1024, piece = 256 };

int main(void) {
    char *memory = map_pages(2 * pages), *equal = map_pages(pages), *data = map_pages(pages);
    for (size_t i = 0; i < pages; i++) fill_page(equal + i * PAGE, i);
    for (size_t i = 0; i < pages; i++) fill_page(data + i * PAGE, 5000 + i);
    char path[] = "direct.XXXXXX"; // in the current folder, which must be on a disk
    struct statfs place;
    if (!statfs(".", &place) && place.f_type == 0x01021994) skip("$TMPDIR lies in memory (tmpfs); it must be on a disk");
    int file = mkstemp(path);
    if (write(file, data, pages * PAGE) != (ssize_t)(pages * PAGE)) skip("%s: %s", path, strerror(errno));
    fsync(file);
    close(file);
    memcpy(memory, equal, pages * PAGE);
    memcpy(memory + pages * PAGE, equal, pages * PAGE);
    mark(memory, 2 * pages);
    merged_or_plain(memory, 2 * pages);

    size_t lost = 0, reads = 0;
    unsigned seed = 4;
    for (double deadline = now() + seconds_to_try(15); now() < deadline && !lost; reads++) {
        memcpy(memory, equal, pages * PAGE);
        usleep(reads % 2 ? rand_r(&seed) % 250000 : rand_r(&seed) % 8000);
        for (size_t i = 0; i < pages; i += piece) {
            file = open(path, O_RDONLY | O_DIRECT);
            if (file < 0) skip("O_DIRECT: %s", strerror(errno));
            ssize_t length = pread(file, memory + i * PAGE, piece * PAGE, i * PAGE);
            if (length != (ssize_t)(piece * PAGE)) wrong("pread with O_DIRECT returned %zd (%s)", length, strerror(errno));
            close(file);
        }
        for (size_t i = 0; i < pages; i++) lost += memcmp(memory + i * PAGE, data + i * PAGE, PAGE) != 0;
    }
    unlink(path);
    if (lost) wrong("read %zu left %zu of %d pages without the data that it read", reads, lost, pages);
    return 0;
}
