// Two programs of one user install seccomp filters that differ: one may not look into other processes (ptrace,
// process_vm_readv, pidfd_getfd), the other may not make device files. They must not share: the stricter one could
// find the other's content in frames that are mapped into it.
#include "domains.h"

static void confine(const char *role) {
    static const int looking[] = {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd}, making[] = {SYS_mknodat};
    bool owner = !strcmp(role, "owner");
    install_filter(owner ? making : looking, owner ? 1 : 4, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW, 0);
}

int main(int count, char **arguments) { return play_both(count, arguments); }
