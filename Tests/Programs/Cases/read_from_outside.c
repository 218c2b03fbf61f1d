// Another process reads all that can be read of a program that merges, as checkpoints do: by process_vm_readv, and by
// /proc/PID/mem. It must not wait for ever.
#include "case.h"
enum { pages = 512, contents = 8 };
static const size_t step = 1 << 20;

static _Noreturn void read_all(pid_t program, bool by_file) {
    char path[64], line[600], permissions[8];
    snprintf(path, sizeof path, "/proc/%d/maps", program);
    FILE *maps = fopen(path, "r");
    snprintf(path, sizeof path, "/proc/%d/mem", program);
    int memory = by_file ? open(path, O_RDONLY) : -1;
    char *buffer = map_pages(step / PAGE);
    unsigned long start, end;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &start, &end, permissions) != 3 || permissions[0] != 'r' || strstr(line, "[v")) continue;
        for (; start < end; start += step) {
            size_t size = end - start < step ? end - start : step;
            struct iovec to = {buffer, size}, from = {(void *)start, size};
            if (by_file) {
                if (pread(memory, buffer, size, start) < 0 && errno != EIO) wrong("pread: %s", strerror(errno));
            } else {
                process_vm_readv(program, &to, 1, &from, 1, 0);
            }
        }
    }
    _exit(0);
}

int main(void) {
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    for (int round = 0; round < 10; round++) {
        pid_t program = getpid(), reader = fork();
        if (!reader) read_all(program, round % 2);
        prctl(PR_SET_PTRACER, reader, 0, 0, 0);
        // Something to merge meanwhile.
        madvise(memory, pages / 2 * PAGE, MADV_DONTNEED);
        fill(memory, pages / 2, contents);
        expect_exit(round % 2 ? "a reader of /proc/PID/mem" : "process_vm_readv", status_of(reader, 8), 0);
    }
    if (wrong_pages(memory, pages, contents)) wrong("content changed");
    return 0;
}
