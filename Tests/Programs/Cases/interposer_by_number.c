// A library of the program's stands in for memory calls, makes each of them by number, and counts them, preloaded before and after
// all others. It must see each call once, and the program must run.
// library: yes
#include "case.h"
#include <dlfcn.h>
#include <sys/shm.h>
enum { size = 64 * 4096, rounds = 5 };
enum { MMAP, MUNMAP, MADVISE, MPROTECT, MREMAP, IOCTL, PRCTL, SETRLIMIT, PRLIMIT, UNSHARE, MLOCK, MLOCKALL, VMSPLICE, OPEN, kinds };
#ifdef LIBRARY
int seen[kinds];
void *mmap(void *a, size_t n, int p, int g, int f, off_t o) { seen[MMAP] += n == size; return (void *)syscall(SYS_mmap, a, n, p, g, f, o); }
void *mmap64(void *a, size_t n, int p, int g, int f, off_t o) { seen[MMAP] += n == size; return (void *)syscall(SYS_mmap, a, n, p, g, f, o); }
int munmap(void *a, size_t n) { seen[MUNMAP] += n == size; return syscall(SYS_munmap, a, n); }
int madvise(void *a, size_t n, int x) { seen[MADVISE] += n == size; return syscall(SYS_madvise, a, n, x); }
int mprotect(void *a, size_t n, int p) { seen[MPROTECT] += n == size; return syscall(SYS_mprotect, a, n, p); }
void *mremap(void *a, size_t n, size_t m, int g, ...) { seen[MREMAP] += n == size; return (void *)syscall(SYS_mremap, a, n, m, g, 0); }
int ioctl(int f, unsigned long r, ...) { va_list v; va_start(v, r); void *x = va_arg(v, void *); seen[IOCTL]++; return syscall(SYS_ioctl, f, r, x); }
int prctl(int o, ...) { va_list v; va_start(v, o); long a = va_arg(v, long), b = va_arg(v, long), c = va_arg(v, long), d = va_arg(v, long); seen[PRCTL]++; return syscall(SYS_prctl, o, a, b, c, d); }
int setrlimit(__rlimit_resource_t r, const struct rlimit *l) { seen[SETRLIMIT]++; return syscall(SYS_prlimit64, 0, r, l, 0); }
int prlimit(pid_t p, __rlimit_resource_t r, const struct rlimit *l, struct rlimit *o) { seen[PRLIMIT]++; return syscall(SYS_prlimit64, p, r, l, o); }
int unshare(int f) { seen[UNSHARE]++; return syscall(SYS_unshare, f); }
int mlock(const void *a, size_t n) { seen[MLOCK]++; return syscall(SYS_mlock, a, n); }
int mlockall(int f) { seen[MLOCKALL]++; return syscall(SYS_mlockall, f); }
ssize_t vmsplice(int f, const struct iovec *v, size_t n, unsigned g) { seen[VMSPLICE]++; return syscall(SYS_vmsplice, f, v, n, g); }
int open(const char *p, int f, ...) { seen[OPEN]++; return syscall(SYS_openat, AT_FDCWD, p, f, 0600); }
#else
static void run(void) {
    int *seen = dlsym(RTLD_DEFAULT, "seen");
    if (!seen) skip("the library is not loaded: %s", dlerror());
    char *kept = region(256, 8);
    merged_or_plain(kept, 256);
    memset(seen, 0, kinds * sizeof(int));
    int p[2];
    if (pipe(p)) skip("pipe");
    for (int i = 0; i < rounds; i++) {
        char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) wrong("mmap: %s", strerror(errno));
        fill(m, 64, 4);
        if (madvise(m, size, MADV_NOHUGEPAGE)) wrong("madvise: %s", strerror(errno));
        if (mprotect(m, size, PROT_READ)) wrong("mprotect: %s", strerror(errno));
        m = mremap(m, size, size, MREMAP_MAYMOVE);
        if (m == MAP_FAILED || wrong_pages(m, 64, 4)) wrong("mremap: %s", strerror(errno));
        if (mlock(m, PAGE)) wrong("mlock: %s", strerror(errno));
        if (mlockall(MCL_CURRENT) && errno != ENOMEM && errno != EPERM) wrong("mlockall: %s", strerror(errno));
        munlockall();
        struct iovec v = {m, 10};
        if (vmsplice(p[1], &v, 1, 0) != 10) wrong("vmsplice: %s", strerror(errno));
        if (munmap(m, size)) wrong("munmap: %s", strerror(errno));
        int n;
        if (ioctl(p[0], 0x541B, &n) || n != 10 * (i + 1)) wrong("ioctl: %s", strerror(errno));
        if (prctl(PR_SET_NAME, "x", 0, 0, 0)) wrong("prctl");
        struct rlimit l = {0, 0};
        if (prlimit(0, RLIMIT_CORE, NULL, &l)) wrong("prlimit");
        if (setrlimit(RLIMIT_CORE, &l)) wrong("setrlimit");
        if (unshare(CLONE_FS)) wrong("unshare: %s", strerror(errno));
        errno = 0;
        if (open("/nonexistent", O_RDONLY) != -1 || errno != ENOENT) wrong("open: %s", strerror(errno));
        if (syscall(SYS_munmap, 1, 1) != -1 || errno != EINVAL) wrong("munmap by number");
        void *q = (void *)syscall(SYS_mmap, 0, size, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (syscall(SYS_munmap, q, size)) wrong("munmap by number: %s", strerror(errno));
        if (syscall(SYS_prctl, PR_SET_NAME, "y", 0, 0, 0)) wrong("prctl by number");
    }
    static const char *const names[] = {"mmap", "munmap", "madvise", "mprotect", "mremap", "ioctl", "prctl", "setrlimit", "prlimit", "unshare", "mlock", "mlockall", "vmsplice", "open"};
    for (int i = 0; i < kinds; i++) if (seen[i] != rounds) wrong("of %d calls of %s the library saw %d", rounds, names[i], seen[i]);
    if (wrong_pages(kept, 256, 8)) wrong("pages changed");
}
int main(int count, char **arguments) {
    if (count == 1) {
        char path[4096], list[9000];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 4);
        strcpy(path + (length < 0 ? 0 : length), ".so");
        const char *o = getenv("LD_PRELOAD");
        char others[4000];
        strcpy(others, o ? o : "");
        for (int last = 0; last < 2; last++) {
            if (last) snprintf(list, sizeof list, "%s%s%s", others, *others ? ":" : "", path);
            else snprintf(list, sizeof list, "%s%s%s", path, *others ? ":" : "", others);
            setenv("LD_PRELOAD", list, 1);
            expect_exit(last ? "with the library last" : "with the library first", run_self("watched", 12), 0);
        }
        return 0;
    }
    run();
    return 0;
}
#endif
