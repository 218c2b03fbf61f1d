// A program's memory merges again and again while it and its parent read and write it by /proc/PID/mem, a new descriptor
// for each 20 accesses, and while its parent traces it: no access may fail, and memory merges when nobody does so.
#include "case.h"
#include <sys/ptrace.h>
enum { pages = 2048, contents = 4, accessesOfFile = 20, accessesOfStop = 400 };

struct shared {
    char *memory;
    volatile int isOver;
    volatile unsigned rounds;
};

// One read and one write of what a word holds anyway; the error number, 0 if there was none.
static int access_file(int file, char *memory, unsigned *seed) {
    char *word = memory + rand_r(seed) % pages * PAGE + 8;
    uint64_t value;
    if (pread(file, &value, sizeof value, (off_t)(uintptr_t)word) != sizeof value) return errno;
    return pwrite(file, &value, sizeof value, (off_t)(uintptr_t)word) != sizeof value ? errno : 0;
}
static void access_again(const char *path, char *memory, double seconds, const char *who) {
    unsigned seed = 1;
    size_t accesses = 0, failures = 0;
    int error = 0;
    for (double deadline = now() + seconds; now() < deadline; nap(0.0005)) {
        int file = open(path, O_RDWR | O_CLOEXEC);
        if (file < 0) skip("%s: %s", path, strerror(errno));
        for (int i = 0; i < accessesOfFile; i++, accesses++) {
            int result = access_file(file, memory, &seed);
            if (result) failures++, error = result;
        }
        close(file);
    }
    if (failures) wrong("%zu of %zu accesses by %s failed (%s)", failures, accesses, who, strerror(error));
}

// Fills, lets merge, discards, until told to end.
static void *refill(void *argument) {
    struct shared *shared = argument;
    for (; !shared->isOver; shared->rounds++) {
        fill(shared->memory, pages, contents);
        nap(0.02);
        madvise(shared->memory, pages * PAGE, MADV_DONTNEED);
    }
    return NULL;
}

static _Noreturn void program(struct shared *shared) {
    pthread_t thread;
    shared->memory = region(pages, contents);
    merged_or_plain(shared->memory, pages);
    char *own = map_pages(pages);
    fill(own, pages, contents);
    mark(own, pages);
    struct shared self = {own, 0, 0};
    pthread_create(&thread, NULL, refill, &self);
    shared->rounds = 1;
    access_again("/proc/self/mem", own, seconds_to_try(1), "the program itself");
    self.isOver = 1;
    pthread_join(thread, NULL);
    // For the parent.
    shared->rounds = 2;
    refill(shared);
    fill(shared->memory, pages, contents);
    merged_or_plain(shared->memory, pages);
    if (wrong_pages(shared->memory, pages, contents)) wrong("%zu pages changed", wrong_pages(shared->memory, pages, contents));
    _exit(0);
}

int main(void) {
    struct shared *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (!child) program(shared);
    int status;
    while (shared->rounds < 2) {
        if (waitpid(child, &status, WNOHANG) == child) {
            if (WIFEXITED(status)) _exit(WEXITSTATUS(status)); // it has said what was wrong
            expect_exit("the program", status, 0);
        }
        nap(0.01);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    access_again(path, shared->memory, seconds_to_try(1), "the parent");

    size_t pokes = 0, failures = 0;
    unsigned seed = 1;
    int error = 0;
    if (ptrace(PTRACE_SEIZE, child, 0, 0)) skip("PTRACE_SEIZE: %s", strerror(errno));
    for (double deadline = now() + seconds_to_try(1); now() < deadline;) {
        ptrace(PTRACE_INTERRUPT, child, 0, 0);
        waitpid(child, &status, __WALL);
        for (int i = 0; i < accessesOfStop; i++, pokes++) {
            char *word = shared->memory + rand_r(&seed) % pages * PAGE;
            errno = 0;
            long value = ptrace(PTRACE_PEEKDATA, child, word, 0);
            if (errno || ptrace(PTRACE_POKEDATA, child, word, value)) failures++, error = errno;
        }
        ptrace(PTRACE_CONT, child, 0, 0);
        nap(0.005);
    }
    ptrace(PTRACE_INTERRUPT, child, 0, 0);
    waitpid(child, &status, __WALL);
    ptrace(PTRACE_DETACH, child, 0, 0);
    if (failures) wrong("%zu of %zu accesses by ptrace failed (%s)", failures, pokes, strerror(error));
    shared->isOver = 1;
    expect_exit("the program", status_of(child, 15), 0);
    return 0;
}
