// A program installs a seccomp filter on all its threads by the instruction itself, so that no library sees it: calls that only
// others make are refused with an error. Its writers must never wait for ever, its bytes stay, and it must end.
#include "case.h"
enum { pages = 256, contents = 16 };

static long raw_call(long number, long a, long b, long c) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

static _Noreturn void confined(int refused) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (raw_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (long)&program)) skip("seccomp");
    for (int i = 0; i < 60; i++, nap(0.02)) {
        rewrite(memory, pages);
        if (wrong_pages(memory, pages, contents)) wrong("a page changed");
    }
    munmap(map_pages(1), PAGE);
    _exit(0);
}

int main(void) {
    static const struct { const char *name; int number; } calls[] = {
        {"pread64 refused", SYS_pread64}, {"recvmsg refused", SYS_recvmsg}, {"mremap refused", SYS_mremap}, {"madvise refused", SYS_madvise}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        pid_t child = fork();
        if (!child) confined(calls[i].number);
        expect_exit(calls[i].name, status_of(child, 12), 0);
    }
    return 0;
}
