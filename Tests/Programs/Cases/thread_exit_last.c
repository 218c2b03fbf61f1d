// The first thread of a program ends, and then its last one by the exit system call, made without libc, or by returning: the
// process ends. Functions registered with atexit, and destructors of thread-specific data, run where they do without us.
#include "case.h"

static int report;
static void at_exit(void) { if (write(report, "a", 1) < 0) _exit(9); }
static void destroy(void *value) { (void)value; if (write(report, "d", 1) < 0) _exit(9); }

static void *last(void *how) {
    nap(0.3);
#if defined(__x86_64__)
    if (!strcmp(how, "raw")) {
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
    }
#endif
    return how;
}

int main(int count, char **arguments) {
    static const char *const ways[] = {"raw", "return"};
    static const char *const expected[] = {"d", "da"};
    if (count == 1) {
        for (int way = 0; way < 2; way++) {
#if !defined(__x86_64__)
            if (way == 0) continue;
#endif
            int ends[2];
            if (pipe(ends)) skip("pipe: %s", strerror(errno));
            pid_t child = fork();
            if (!child) {
                char number[20];
                snprintf(number, sizeof number, "%d", ends[1]);
                execl("/proc/self/exe", "case", ways[way], number, NULL);
                _exit(8);
            }
            close(ends[1]);
            expect_exit(ways[way], status_of(child, 14), 0);
            char said[10] = "";
            if (read(ends[0], said, 9) < 0 || strcmp(said, expected[way])) wrong("%s: '%s' ran instead of '%s'", ways[way], said, expected[way]);
        }
        return 0;
    }
    report = atoi(arguments[2]);
    atexit(at_exit);
    pthread_key_t key;
    pthread_key_create(&key, destroy);
    pthread_setspecific(key, &report);
    char *memory = region(512, 16);
    merged_or_plain(memory, 512);
    pthread_t other;
    pthread_create(&other, NULL, last, arguments[1]);
    pthread_detach(other);
    pthread_exit(NULL);
}
