/// Memory that a test commands by lines on standard input: one line of answer each. Ends with the input.
///
///     map PAGES          private anonymous memory                       ok ADDRESS BYTES
///     fill SEED [CYCLE]  page i gets content SEED + i (modulo CYCLE)    ok
///     refill SEED        discards all pages, then fills them            ok
///     mark [STEP]        madvise(MADV_MERGEABLE), of each STEP-th page  ok
///     unmark             madvise(MADV_UNMERGEABLE)                      ok
///     remark STEP        while it acts, of each STEP-th page of the first half, which `act` only reads:
///                        MADV_UNMERGEABLE, then MADV_MERGEABLE   ok CALLS MICROSECONDS: the slowest
///     write STEP SEED    each STEP-th page gets content SEED + i        ok
///     advise ADVICE [PAGES]  madvise of all of it, or of the first pages  ok, or error NUMBER
///     lock, unlock       mlock, munlock of all of it                    ok, or error NUMBER
///     verify             reads every byte                               ok PAGES, or wrong PAGE BYTE
///     merged             pages that map a page of a file                ok PAGES
///     act                a thread uses the memory in every way (actor.h)  ok
///     rest               it ends; all is as it was before `act`         ok CALLS MICROSECONDS REFUSED NAME: the slowest
///     entries LEFT       takes map entries until so many are left       ok ENTRIES
///     files              takes all descriptors                          ok FILES
///     sandbox            confines itself as QEMU does with -sandbox on and all denied  ok
///     fork               a child with the same memory takes over; the parent ends when the child has ended
#include "actor.h"
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static char *memory;
static size_t pages;
/// The content of each page, in memory of its own.
static uint64_t *contents;

static void verify(void) {
    for (size_t page = 0; page < pages; page++) {
        size_t wrong = first_wrong_byte(memory + page * PAGE, contents[page]);
        if (wrong < PAGE) {
            printf("wrong %zu %zu\n", page, wrong);
            return;
        }
    }
    printf("ok %zu\n", pages);
}

static void set(size_t page, uint64_t content) {
    contents[page] = content;
    fill_page(memory + page * PAGE, content);
}

static void remark(size_t step) {
    const int advice[] = {MADV_UNMERGEABLE, MADV_MERGEABLE};
    size_t calls = 0;
    double longest = 0;
    for (size_t round = 0; round < 2; round++) {
        for (size_t page = 0; page < pages / 2; page += step) {
            unsigned long late = atomic_load(&acting.late);
            double start = now();
            if (madvise(memory + page * PAGE, PAGE, advice[round]) != 0) fail("madvise: %s", strerror(errno));
            double took = time_taken(start, late);
            if (took > longest) longest = took;
            calls++;
        }
    }
    printf("ok %zu %.0f\n", calls, longest * 1e6);
}

/// What QEMU denies itself: obsolete calls, more rights, other programs, other shares of the processor.
static void enter_sandbox(void) {
    static const unsigned deadly[] = {
        SYS_reboot,   SYS_swapon,   SYS_swapoff,   SYS_syslog,    SYS_mount,     SYS_umount2,  SYS_kexec_load, SYS_setuid,
        SYS_setgid,   SYS_setpgid,  SYS_setsid,    SYS_setreuid,  SYS_setregid,  SYS_setresuid, SYS_setresgid, SYS_setfsuid,
        SYS_setfsgid, SYS_fork,     SYS_vfork,     SYS_execve,    SYS_execveat};
    static const unsigned denied[] = {
        SYS_setpriority, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setaffinity};
    struct sock_filter code[64];
    size_t length = 0;
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, deadly[i], 0, 1);
        code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied[i], 0, 1);
        code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)length, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
        fail("seccomp: %s", strerror(errno));
    }
}

static void answer(char *line) {
    uint64_t first = 0, second = 0;
    char name[16] = "";
    int fields = sscanf(line, "%15s %" SCNu64 " %" SCNu64, name, &first, &second);
    if (strcmp(name, "map") == 0 && fields == 2) {
        pages = first;
        contents = calloc(pages, sizeof *contents);
        memory = map_pages(pages);
        printf("ok %" PRIuPTR " %zu\n", (uintptr_t)memory, pages * PAGE);
    } else if (strcmp(name, "fill") == 0 && fields >= 2) {
        for (size_t page = 0; page < pages; page++) set(page, first + (fields == 3 ? page % second : page));
        printf("ok\n");
    } else if (strcmp(name, "refill") == 0 && fields == 2) {
        madvise(memory, pages * PAGE, MADV_DONTNEED);
        for (size_t page = 0; page < pages; page++) set(page, first + page);
        printf("ok\n");
    } else if (strcmp(name, "write") == 0 && fields == 3) {
        for (size_t page = 0; page < pages; page += first) set(page, second + page);
        printf("ok\n");
    } else if (strcmp(name, "mark") == 0) {
        size_t step = fields >= 2 ? first : pages;
        for (size_t page = 0; page < pages; page += step) mark(memory + page * PAGE, fields >= 2 ? 1 : pages);
        printf("ok\n");
    } else if (strcmp(name, "unmark") == 0) {
        int result = madvise(memory, pages * PAGE, MADV_UNMERGEABLE);
        printf(result == 0 ? "ok\n" : "error %d\n", errno);
    } else if (strcmp(name, "remark") == 0 && fields == 2 && first > 0 && atomic_load(&acting.acts)) {
        remark(first);
    } else if (strcmp(name, "advise") == 0 && fields >= 2) {
        int result = madvise(memory, (fields == 3 ? second : pages) * PAGE, (int)first);
        printf(result == 0 ? "ok\n" : "error %d\n", errno);
    } else if (strcmp(name, "lock") == 0) {
        int result = mlock(memory, pages * PAGE);
        printf(result == 0 ? "ok\n" : "error %d\n", errno);
    } else if (strcmp(name, "unlock") == 0) {
        int result = munlock(memory, pages * PAGE);
        printf(result == 0 ? "ok\n" : "error %d\n", errno);
    } else if (strcmp(name, "verify") == 0) {
        verify();
    } else if (strcmp(name, "merged") == 0) {
        printf("ok %zu\n", pages_over_files(memory, pages));
    } else if (strcmp(name, "entries") == 0 && fields == 2) {
        acting.lacks_entries = 1;
        printf("ok %zu\n", take_map_entries(first));
    } else if (strcmp(name, "files") == 0) {
        size_t files = 0;
        while (dup(0) >= 0) files++;
        printf("ok %zu\n", files);
    } else if (strcmp(name, "act") == 0) {
        start_acting(memory, pages, contents);
        printf("ok\n");
    } else if (strcmp(name, "rest") == 0) {
        stop_acting();
        printf("ok %zu %.0f %zu %s\n", acting.operations, acting.longest * 1e6, acting.refused, acting.longest_name);
    } else if (strcmp(name, "sandbox") == 0) {
        enter_sandbox();
        printf("ok\n");
    } else if (strcmp(name, "fork") == 0) {
        pid_t child = fork();
        if (child > 0) {
            int status = 0;
            waitpid(child, &status, 0);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        }
        printf("ok %d\n", getpid());
    } else {
        printf("unknown\n");
    }
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready %d\n", getpid());
    char line[256];
    // By read, a byte at a time: a forked child must not find lines that the parent has read ahead.
    for (size_t length = 0; read(0, line + length, 1) == 1;) {
        if (line[length] == '\n') {
            line[length] = 0;
            answer(line);
            length = 0;
        } else if (length < sizeof line - 2) {
            length++;
        }
    }
    return 0;
}
