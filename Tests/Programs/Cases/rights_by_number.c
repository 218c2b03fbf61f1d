// A program of one thread gives up groups, capabilities and its user, by syscall(), by capset, and by the instruction itself, as
// run-times without a C library do. No thread of its process may keep what it gave up for longer than a second of work, and
// what it marks before and after must merge.
#include "case.h"
#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
enum { pages = 256, contents = 8 };

static const char *const fields[] = {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:"};

// One of the lines above of a thread; empty where it is no more.
static void line_of(const char *thread, const char *field, char line[400]) {
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, 400, status))
        if (!strncmp(line, field, strlen(field))) {
            fclose(status);
            return;
        }
    if (status) fclose(status);
    *line = 0;
}

// Whether a thread of the process has other rights than the first.
static const char *differs(void) {
    char first[20];
    snprintf(first, sizeof first, "%d", getpid());
    const char *found = NULL;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));)
        for (size_t i = 0; entry->d_name[0] != '.' && i < sizeof fields / sizeof *fields; i++) {
            char mine[400], other[400];
            line_of(first, fields[i], mine);
            line_of(entry->d_name, fields[i], other);
            if (*other && strcmp(mine, other)) found = fields[i];
        }
    if (tasks) closedir(tasks);
    return found;
}

static void expect_same(const char *after, char *memory, double seconds) {
    for (double deadline = now() + seconds; differs(); nap(0.02)) {
        if (now() >= deadline) wrong("after %s a thread of the process has another %s", after, differs());
        rewrite(memory, pages);
    }
}

static long raw_setresuid(long user) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_setresuid), "D"(user), "S"(user), "d"(user) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = SYS_setresuid, x0 __asm__("x0") = user, x1 __asm__("x1") = user, x2 __asm__("x2") = user;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

int main(void) {
    if (getuid()) skip("not root");
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    gid_t groups[] = {1, 2, 3};
    if (syscall(SYS_setgroups, 3, groups)) skip("setgroups: %s", strerror(errno));
    expect_same("setgroups", memory, 0);
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data)) skip("capget: %s", strerror(errno));
    data[0].effective &= ~(1u << CAP_NET_RAW);
    data[0].permitted &= ~(1u << CAP_NET_RAW);
    if (syscall(SYS_capset, &head, data)) skip("capset: %s", strerror(errno));
    expect_same("capset", memory, 0);
    char *second = region(pages, contents);
    merged_or_plain(second, pages);
    if (raw_setresuid(65534)) skip("setresuid");
    prctl(PR_SET_DUMPABLE, 1);
    expect_same("setresuid", memory, under_samepage() ? 3 : 0);
    if (wrong_pages(memory, pages, contents) + wrong_pages(second, pages, contents)) wrong("pages changed");
    return 0;
}
