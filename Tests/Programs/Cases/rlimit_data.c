// A program with 8 MiB of merged memory sets RLIMIT_DATA to 24 MiB and maps 12 MiB more: that fits, so it must be given, also by
// malloc, and also while pages are just being merged.
#include "case.h"
enum { pages = 2048, renewed = 512 };

static void *renew(void *start) {
    while (true) {
        // New pages of the same content, which merge.
        madvise(start, renewed * PAGE, MADV_DONTNEED);
        fill(start, renewed, 8);
        nap(0.01);
    }
    return NULL;
}

int main(void) {
    char *memory = region(pages, 8);
    merged_or_plain(memory, pages);
    struct rlimit limit = {24 << 20, 24 << 20};
    if (setrlimit(RLIMIT_DATA, &limit)) skip("RLIMIT_DATA: %s", strerror(errno));
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    if (pthread_create(&thread, &attributes, renew, memory)) wrong("no thread with a stack of 64 KiB");
    size_t rounds = 0;
    for (double deadline = now() + seconds_to_try(3); now() < deadline; rounds++) {
        void *more = mmap(NULL, 12 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED) wrong("8 MiB used, a limit of 24 MiB, 12 MiB more in round %zu: %s", rounds, strerror(errno));
        void *block = malloc(1 << 20);
        if (!block) wrong("malloc of 1 MiB more in round %zu: %s", rounds, strerror(errno));
        free(block);
        munmap(more, 12 << 20);
        nap(0.0002);
    }
    return 0;
}
