// A program gives up root by setuid, setresuid, setgroups, capset, PR_CAPBSET_DROP, no_new_privs, keepcaps: all threads
// of the process must agree, as the process has one only.
#include "case.h"
#include <grp.h>
static void compare(const char *what) {
    char mine[20][120], line[200];
    int n = 0;
    static const char *const keys[] = {"Uid:", "Gid:", "Groups:", "NoNewPrivs:", "Seccomp:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
    pid_t me = getpid();
    int p[2];
    if (pipe(p)) skip("pipe");
    pid_t c = fork(); // another process looks, which is not served
    if (!c) {
        char path[300];
        snprintf(path, 300, "/proc/%d/status", me);
        FILE *f = fopen(path, "r");
        while (fgets(line, 200, f)) for (int k = 0; k < 10; k++) if (!strncmp(line, keys[k], strlen(keys[k]))) strcpy(mine[n++], line);
        fclose(f);
        snprintf(path, 300, "/proc/%d/task", me);
        int d = syscall(SYS_open, path, O_RDONLY | O_DIRECTORY);
        char b[8192];
        long got = syscall(SYS_getdents64, d, b, sizeof b);
        for (long o = 0; o < got; o += *(unsigned short *)(b + o + 16)) {
            if (b[o + 19] == '.') continue;
            snprintf(path, 300, "/proc/%d/task/%s/status", me, b + o + 19);
            FILE *f = fopen(path, "r");
            int n = 0;
            while (f && fgets(line, 200, f)) for (int k = 0; k < 10; k++) if (!strncmp(line, keys[k], strlen(keys[k]))) if (strcmp(mine[n++], line)) { line[strlen(line) - 1] = 0; mine[n - 1][strlen(mine[n - 1]) - 1] = 0; wrong("%s: a thread has %s instead of %s", what, line, mine[n - 1]); }
            if (f) fclose(f);
        }
        _exit(0);
    }
    expect_exit(what, status_of(c, 5), 0);
}
static void one(int k) {
    char *m = region(512, 16);
    merged_or_plain(m, 512);
    gid_t g[] = {5, 6};
    switch (k) {
    case 0: if (setuid(1000)) wrong("setuid"); break;
    case 1: if (setgroups(2, g)) wrong("setgroups"); break;
    case 2: if (syscall(SYS_setgroups, 2, g)) wrong("setgroups"); break;
    case 3: if (prctl(PR_CAPBSET_DROP, 12, 0, 0, 0)) wrong("capbset"); break;
    case 4: if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) wrong("nnp"); break;
    case 5: prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); if (setresuid(1000, 1000, 1000)) wrong("setresuid"); break;
    case 6: if (seteuid(1000)) wrong("seteuid"); break;
    case 7: if (setregid(7, 8)) wrong("setregid"); break;
    case 8: { struct { unsigned v; int p; } h = {0x20080522, 0}; struct { unsigned e, p, i; } d[2] = {{1 << 21, 1 << 21, 1 << 21}, {0}}; if (syscall(SYS_capset, &h, d)) wrong("capset"); prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0); break; }
    }
    compare("at once");
    rewrite(m, 64);
    nap(1.2);
    compare("later");
    if (wrong_pages(m, 512, 16)) wrong("pages");
    if (madvise(m, 64 * PAGE, MADV_DONTNEED) || m[0]) wrong("dontneed");
    _exit(0);
}
int main(void) {
    if (getuid()) skip("not root");
    static const char *const names[] = {"setuid", "setgroups", "setgroups by number", "bounding set", "no_new_privs", "keepcaps", "seteuid", "setregid", "capset and ambient"};
    for (int k = 0; k < 9; k++) {
        pid_t c = fork();
        if (!c) one(k);
        expect_exit(names[k], status_of(c, 14), 0);
    }
    return 0;
}
