// A program whose memory has merged may have few processes (RLIMIT_NPROC): a child takes the last place, and so does a thread that
// was made by thrd_create. A program with a high priority (SCHED_RR, a negative nice value) finds no other thread that has it.
#include "case.h"
#include <dirent.h>
#include <threads.h>
enum { pages = 256, contents = 8 };

static int stay(void *argument) {
    (void)argument;
    nap(1);
    return 0;
}

static _Noreturn void limited(int by_fork) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    uid_t user = 400000 + getpid();
    if (setresuid(user, user, user)) skip("setresuid: %s", strerror(errno));
    struct rlimit limit = {2, 2};
    if (setrlimit(RLIMIT_NPROC, &limit)) skip("RLIMIT_NPROC: %s", strerror(errno));
    thrd_t thread;
    pid_t child = 0;
    if (by_fork && (child = fork()) == 0) _exit(0);
    if (by_fork && child < 0) wrong("fork with a place left: %s", strerror(errno));
    if (!by_fork && thrd_create(&thread, stay, NULL) != thrd_success) wrong("thrd_create failed with a place left");
    if (by_fork) waitpid(child, NULL, 0);
    if (wrong_pages(memory, pages, contents)) wrong("pages changed");
    _exit(0);
}

static _Noreturn void urgent(int is_nice) {
    struct sched_param parameters = {.sched_priority = 5};
    if (is_nice ? setpriority(PRIO_PROCESS, 0, -5) : sched_setscheduler(0, SCHED_RR, &parameters)) skip("priority: %s", strerror(errno));
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        int thread = atoi(entry->d_name);
        if (thread <= 0 || thread == getpid()) continue;
        if (is_nice ? getpriority(PRIO_PROCESS, thread) < 0 : sched_getscheduler(thread) == SCHED_RR) wrong("a thread inherited the priority");
    }
    _exit(0);
}

int main(void) {
    for (int what = 0; what < 4; what++) {
        static const char *const names[] = {"thrd_create", "fork", "SCHED_RR", "nice"};
        pid_t child = fork();
        if (!child && what < 2) limited(what);
        if (!child) urgent(what - 2);
        int status = status_of(child, 15);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return 77;
        expect_exit(names[what], status, 0);
    }
    return 0;
}
