// A program of one thread counts its threads by fopen of /proc/self/status and /proc/self/stat, as often as it likes.
#include "case.h"
int main(void) {
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    char line[1000];
    for (int i = 0; i < 20; i++, nap(0.02)) {
        FILE *f = fopen("/proc/self/status", "r");
        int n = 0;
        while (fgets(line, sizeof line, f)) if (sscanf(line, "Threads: %d", &n) == 1) break;
        fclose(f);
        if (n != 1) wrong("status says %d threads", n);
    }
    for (int i = 0; i < 20; i++, nap(0.02)) {
        FILE *f = fopen("/proc/self/stat", "r");
        if (!fgets(line, sizeof line, f)) skip("stat");
        fclose(f);
        char *p = strrchr(line, ')') + 2;
        for (int k = 3; k < 20; k++) p = strchr(p, ' ') + 1;
        if (atoi(p) != 1) wrong("stat says %s threads", p);
    }
    return 0;
}
