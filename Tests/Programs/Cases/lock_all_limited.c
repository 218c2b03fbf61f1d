// A program that is nobody special, with at most 64 MiB that it may lock, locks all that it has mapped: a few MiB.
#include "case.h"

int main(void) {
    char *memory = map_pages(256);
    memset(memory, 1, 256 * PAGE);
    struct rlimit limit;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur > 64 << 20) limit.rlim_cur = 64 << 20;
    if (setrlimit(RLIMIT_MEMLOCK, &limit)) skip("RLIMIT_MEMLOCK: %s", strerror(errno));
    if (setgid(65534) || setuid(65534)) skip("setuid: %s", strerror(errno));
    if (mlockall(MCL_CURRENT)) wrong("mlockall: %s", strerror(errno));
    mark(memory, 256);
    nap(seconds_to_try(0.5));
    if (munlockall()) wrong("munlockall: %s", strerror(errno));
    for (size_t i = 0; i < 256 * PAGE; i++) if (memory[i] != 1) wrong("memory has changed");
    return 0;
}
