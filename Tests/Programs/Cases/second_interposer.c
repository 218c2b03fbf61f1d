// A program is started with a preloaded library of its own that watches mmap, munmap, madvise and fork, as allocators,
// profilers and tracers do. That library must still see each of the program's calls.
// library: yes
#include "case.h"
#include <dlfcn.h>
enum { size = 64 * 4096, rounds = 5 };

#ifdef LIBRARY
int seen[4]; // mmap, munmap, madvise, fork: only calls about ranges of this size count
void *mmap(void *place, size_t length, int protection, int flags, int file, off_t offset) {
    seen[0] += length == size;
    return ((void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap"))(place, length, protection, flags, file, offset);
}
int munmap(void *place, size_t length) {
    seen[1] += length == size;
    return ((int (*)(void *, size_t))dlsym(RTLD_NEXT, "munmap"))(place, length);
}
int madvise(void *place, size_t length, int advice) {
    seen[2] += length == size;
    return ((int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "madvise"))(place, length, advice);
}
pid_t fork(void) {
    seen[3]++;
    return ((pid_t (*)(void))dlsym(RTLD_NEXT, "fork"))();
}
#else
int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) { // starts itself again with both libraries
        char path[4096], list[9000];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 4);
        strcpy(path + (length < 0 ? 0 : length), ".so");
        const char *others = getenv("LD_PRELOAD");
        snprintf(list, sizeof list, "%s%s%s", others ? others : "", others ? ":" : "", path);
        setenv("LD_PRELOAD", list, 1);
        int status = run_self("watched", 10);
        if (status > 0 && WIFEXITED(status)) return WEXITSTATUS(status); // it has said why
        expect_exit("the watched program", status, 0);
        return 0;
    }
    int *seen = dlsym(RTLD_DEFAULT, "seen");
    if (!seen) skip("the library is not loaded: %s", dlerror());
    for (int i = 0; i < rounds; i++) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(memory, size, MADV_DONTNEED);
        munmap(memory, size);
        pid_t child = fork();
        if (!child) _exit(0);
        waitpid(child, NULL, 0);
    }
    static const char *const names[] = {"mmap", "munmap", "madvise", "fork"};
    for (int i = 0; i < 4; i++)
        if (seen[i] < rounds) wrong("of %d calls of %s the library saw %d", rounds, names[i], seen[i]);
    return 0;
}
#endif
