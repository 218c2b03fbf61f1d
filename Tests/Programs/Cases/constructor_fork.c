// A library that dlopen() loads starts a thread in its constructor, the thread forks, and the constructor waits for it.
// The loader's lock is held meanwhile, so fork must not need it. dlopen must return.
// library: yes
#include "case.h"
#include <dlfcn.h>

#ifdef LIBRARY
static void *fork_once(void *argument) {
    pid_t child = fork();
    if (!child) _exit(0);
    waitpid(child, NULL, 0);
    return argument;
}
__attribute__((constructor)) static void load(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, fork_once, NULL);
    pthread_join(thread, NULL);
}
#else
int main(int count, char **arguments) {
    if (count > 1) _exit(dlopen(arguments[1], RTLD_NOW) ? 0 : 2);
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 4);
    if (length < 0) skip("/proc/self/exe: %s", strerror(errno));
    strcpy(path + length, ".so");
    expect_exit("dlopen of a library whose constructor forks in a thread", run_self(path, 8), 0);
    return 0;
}
#endif
