// A preloaded library holds a lock of its own in munmap, and another thread of it maps and unmaps memory with that lock held: neither
// waits for the other for ever.
// library: yes
#include "case.h"
#include <dlfcn.h>

#ifdef LIBRARY
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
__thread int holds;
int munmap(void *place, size_t length) {
    int (*next)(void *, size_t) = (int (*)(void *, size_t))dlsym(RTLD_NEXT, "munmap");
    if (holds) return next(place, length);
    pthread_mutex_lock(&lock);
    int result = next(place, length);
    pthread_mutex_unlock(&lock);
    return result;
}
#else
static pthread_mutex_t *lock;
static int *holds_of(void) { return dlsym(RTLD_DEFAULT, "holds"); }
static void *other(void *argument) {
    *holds_of() = 1;
    for (double end = now() + 1; now() < end;) {
        pthread_mutex_lock(lock);
        char *memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memory[0] = 1;
        munmap(memory, 8 * PAGE);
        pthread_mutex_unlock(lock);
    }
    return argument;
}
int main(int count, char **arguments) {
    (void)arguments;
    if (count == 1) {
        char path[4096], list[9000];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 4);
        strcpy(path + (length < 0 ? 0 : length), ".so");
        const char *others = getenv("LD_PRELOAD");
        snprintf(list, sizeof list, "%s%s%s", others ? others : "", others ? ":" : "", path);
        setenv("LD_PRELOAD", list, 1);
        expect_exit("the program", run_self("watched", 20), 0);
        return 0;
    }
    lock = dlsym(RTLD_DEFAULT, "lock");
    if (!lock) skip("the library is not loaded: %s", dlerror());
    region(64, 4);
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    for (double end = now() + 1; now() < end;) munmap(region(8, 2), 8 * PAGE);
    pthread_join(thread, NULL);
    return 0;
}
#endif
