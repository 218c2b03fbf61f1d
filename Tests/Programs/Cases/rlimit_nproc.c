// A program whose memory has merged becomes an ordinary user with a limit of 3 processes (RLIMIT_NPROC): beside its main
// thread it must be able to have two more.
#include "case.h"

static void *stay(void *argument) {
    nap(1);
    return argument;
}

int main(void) {
    char *memory = region(512, 8);
    merged_or_plain(memory, 512);
    uid_t user = 300000 + getpid(); // a user that has nothing else running
    if (setresuid(user, user, user)) skip("setresuid: %s", strerror(errno));
    struct rlimit limit = {3, 3};
    if (setrlimit(RLIMIT_NPROC, &limit)) skip("RLIMIT_NPROC: %s", strerror(errno));
    pthread_t threads[4];
    int made = 0;
    for (int i = 0; i < 4; i++) made += pthread_create(&threads[i], NULL, stay, NULL) == 0;
    if (made != 2) wrong("with a limit of 3 it could make %d threads instead of 2", made);
    return 0;
}
