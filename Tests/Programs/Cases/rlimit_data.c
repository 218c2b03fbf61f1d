// A program with 8 MiB of merged memory sets RLIMIT_DATA to 24 MiB and maps 12 MiB more: that fits, so it must be given.
#include "case.h"
enum { pages = 2048 };

int main(void) {
    char *memory = region(pages, 8);
    merged_or_plain(memory, pages);
    struct rlimit limit = {24 << 20, 24 << 20};
    if (setrlimit(RLIMIT_DATA, &limit)) skip("RLIMIT_DATA: %s", strerror(errno));
    void *more = mmap(NULL, 12 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) wrong("8 MiB used, a limit of 24 MiB, 12 MiB more: %s", strerror(errno));
    if (!malloc(1 << 20)) wrong("malloc of 1 MiB more: %s", strerror(errno));
    return 0;
}
