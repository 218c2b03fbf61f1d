// A program of one thread gives up root by the system call itself, as run-times without the C library's set*id functions do.
// No thread of its process may keep the old user.
#include "case.h"
#include <dirent.h>

int main(void) {
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    if (getuid() || syscall(SYS_setresuid, 1000, 1000, 1000)) skip("not root");
    prctl(PR_SET_DUMPABLE, 1);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char path[300], line[200];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "r");
        unsigned user;
        while (status && fgets(line, sizeof line, status))
            if (sscanf(line, "Uid: %u", &user) == 1 && user != 1000) wrong("a thread of the process still runs as user %u", user);
        if (status) fclose(status);
    }
    return 0;
}
