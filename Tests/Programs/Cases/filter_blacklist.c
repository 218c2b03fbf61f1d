// A program refuses itself calls that it does not need, by a list as QEMU's `-sandbox on,obsolete=deny,elevateprivileges=deny,
// spawn=deny,resourcecontrol=deny` has it, with new processes told from new threads by the flags of clone. None of them is
// the agent's: what it marks before and after must merge, and it must be able to start threads.
#include "case.h"
enum { pages = 512, contents = 16 };

static struct sock_filter code[200];
static int length;

static void add(unsigned short operation, unsigned value, int if_true, int if_false) {
    code[length++] = (struct sock_filter){operation, if_true, if_false, value};
}

static void refuse(int number, unsigned action) {
    add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    add(BPF_RET | BPF_K, action, 0, 0);
}

static void *body(void *argument) { return argument; }

int main(void) {
    char *first = region(pages, contents);
    merged_or_plain(first, pages);
    static const int refused[] = {SYS_reboot, SYS_swapon, SYS_swapoff, SYS_syslog, SYS_mount, SYS_umount2, SYS_kexec_load, SYS_setuid,
        SYS_setgid, SYS_setresuid, SYS_setresgid, SYS_setns, SYS_unshare, SYS_execve, SYS_execveat, SYS_setpriority,
        SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setaffinity,
#ifdef SYS_fork
        SYS_fork, SYS_vfork,
#endif
    };
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
#ifdef __x86_64__
    add(BPF_JMP | BPF_JEQ | BPF_K, 0xC000003E, 1, 0);
#else
    add(BPF_JMP | BPF_JEQ | BPF_K, 0xC00000B7, 1, 0);
#endif
    add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) refuse(refused[i], SECCOMP_RET_KILL_PROCESS);
    refuse(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    // clone without CLONE_THREAD.
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
    add(BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD, 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, CLONE_THREAD, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    // libseccomp asks what the kernel knows by calls that must fail.
    if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) || errno != EINVAL) wrong("strict mode with flags: %s", strerror(errno));
    if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) || errno != EFAULT) wrong("no filter: %s", strerror(errno));
    struct sock_fprog program = {length, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program)) skip("seccomp: %s", strerror(errno));
    char *second = region(pages, contents);
    merged_or_plain(second, pages);
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) || pthread_join(thread, NULL)) wrong("no thread behind the filter");
    rewrite(first, pages);
    if (wrong_pages(first, pages, contents) + wrong_pages(second, pages, contents)) wrong("pages changed");
    munmap(first, pages * PAGE);
    return 0;
}
