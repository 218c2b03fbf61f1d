# A program that SAMEPAGE_NO_MERGE names, and one that has the name of a browser which counts its threads, get no thread and no
# merging; one that is not named is merged.
import os, shutil, subprocess, sys, tempfile, time

SOURCE = r'''
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 7, 1 << 20);
    madvise(memory, 1 << 20, MADV_MERGEABLE);
    usleep(300000);
    char line[256];
    // Asked by another process: to the program itself no thread but its own shows.
    char path[60];
    snprintf(path, sizeof path, "/proc/%d/status", getpid());
    pid_t child = fork();
    if (child) {
        waitpid(child, NULL, 0);
        return 0;
    }
    FILE *status = fopen(path, "r");
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "Threads:", 8)) printf("%s", line + 8);
    return 0;
}
'''

folder = tempfile.mkdtemp()
with open(folder + "/count.c", "w") as file: file.write(SOURCE)
environment = dict(os.environ)
environment["SAMEPAGE_NO_MERGE"] = "other:lonely*"
if subprocess.run(["cc", "-o", folder + "/plain", folder + "/count.c"], env=dict(environment, LD_PRELOAD="")).returncode:
    print("skipped: no C compiler")
    sys.exit(77)
merged = "SAMEPAGE_SOCKET" in os.environ
for name, threads in (("lonely-program", 1), ("chrome", 1), ("lone", 2 if merged else 1), ("chrome-remote", 2 if merged else 1)):
    shutil.copy(folder + "/plain", folder + "/" + name)
    found = int(subprocess.run([folder + "/" + name], env=environment, capture_output=True, text=True).stdout)
    if found != threads:
        print(f"wrong: {name} has {found} threads instead of {threads}")
        sys.exit(1)
sys.exit(0)
