// A program makes itself a real-time one (SCHED_FIFO) and marks memory. No thread that it did not start may get that priority.
#include "case.h"
#include <dirent.h>

int main(void) {
    struct sched_param parameters = {.sched_priority = 10};
    if (sched_setscheduler(0, SCHED_FIFO, &parameters)) skip("SCHED_FIFO: %s", strerror(errno));
    char *memory = region(512, 8);
    merged_or_plain(memory, 512);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        int thread = atoi(entry->d_name);
        if (thread <= 0 || thread == getpid()) continue;
        sched_getparam(thread, &parameters);
        if (sched_getscheduler(thread) == SCHED_FIFO) wrong("a thread of which it knows nothing has real-time priority %d", parameters.sched_priority);
    }
    return 0;
}
