// Somebody outside of a program's namespaces writes to its memory, which keeps merging: by PTRACE_POKEDATA, and by /proc/PID/mem. No
// write may fail.
#include "case.h"
#include <sys/mount.h>
#include <sys/ptrace.h>
enum { pages = 1024, contents = 4, at_a_time = 50 };

static _Noreturn void merge_on(int to) {
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
        skip("a /proc of its own: %s", strerror(errno));
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (write(to, &memory, sizeof memory) != sizeof memory) _exit(1);
    for (;;) {
        madvise(memory, pages * PAGE, MADV_DONTNEED);
        fill(memory, pages, contents);
        nap(0.01);
    }
}

static size_t failures, tries;
static int error;
static void count(bool failed) {
    tries++;
    if (failed) failures++, error = errno;
}

static void poke(pid_t program, char *memory) {
    unsigned seed = 1;
    int status;
    if (ptrace(PTRACE_SEIZE, program, 0, 0)) skip("PTRACE_SEIZE: %s", strerror(errno));
    // Whoever has just come cannot be held off.
    nap(0.1);
    for (double end = now() + seconds_to_try(4); now() < end; nap(0.001)) {
        ptrace(PTRACE_INTERRUPT, program, 0, 0);
        waitpid(program, &status, __WALL);
        for (int i = 0; i < at_a_time; i++) {
            void *word = memory + rand_r(&seed) % pages * PAGE;
            errno = 0;
            long value = ptrace(PTRACE_PEEKDATA, program, word, 0);
            count(errno || ptrace(PTRACE_POKEDATA, program, word, value));
        }
        ptrace(PTRACE_CONT, program, 0, 0);
    }
}

static void write_to_file(pid_t program, char *memory) {
    char path[64];
    unsigned seed = 1;
    snprintf(path, sizeof path, "/proc/%d/mem", program);
    for (double end = now() + seconds_to_try(4); now() < end; nap(0.001)) {
        int file = open(path, O_RDWR);
        if (file < 0) skip("%s: %s", path, strerror(errno));
        for (int i = 0; i < at_a_time; i++) {
            char byte;
            off_t place = (uintptr_t)memory + rand_r(&seed) % pages * PAGE + 50;
            count(pread(file, &byte, 1, place) != 1 || pwrite(file, &byte, 1, place) != 1);
        }
        close(file);
    }
}

int main(void) {
    void (*const ways[])(pid_t, char *) = {poke, write_to_file};
    if (unshare(CLONE_NEWPID)) skip("unshare: %s", strerror(errno));
    // The namespace ends with its first process.
    pid_t first = fork();
    if (!first) for (;;) pause();
    for (int way = 0; way < 2; way++) {
        int channel[2];
        char *memory;
        if (pipe(channel)) skip("pipe: %s", strerror(errno));
        pid_t program = fork();
        if (!program) merge_on(channel[1]);
        close(channel[1]);
        if (read(channel[0], &memory, sizeof memory) != sizeof memory) expect_exit("the program", status_of(program, 5), 0);
        failures = tries = 0;
        ways[way](program, memory);
        kill(program, SIGKILL);
        if (failures) wrong("way %d: %zu of %zu failed (%s)", way, failures, tries, strerror(error));
    }
    kill(first, SIGKILL);
    return 0;
}
